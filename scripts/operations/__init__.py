"""What an operator does by hand: find an upload, bring one back, send dead letters again."""
