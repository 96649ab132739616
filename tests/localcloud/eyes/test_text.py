"""Text in pictures: what its patterns find, and what they leave alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.localcloud.eyes.seeing import RISKS_FROM
from scripts.localcloud.eyes.text import REPORTED_FROM, judge_lines
from scripts.localcloud.eyes.words import PATTERNS

CONTACT, GAMBLE, DRUG = "pt_toDirectContact_tii", "contraband_gamble_tii", "contraband_drug_tii"
RUDE, INSULT = "profanity_oral_tii", "profanity_offensive_tii"

FOUND = {
    "Call or WhatsApp +1 415 555 0134": {CONTACT},
    "DM me on Telegram @best_deals": {CONTACT},
    "mail: deals@example.com": {CONTACT},
    "https://t.me/somebody": {CONTACT},
    "加微信 vip88888 领红包": {CONTACT},
    "微信号:abc_12345": {CONTACT},
    "电话13800138000": {CONTACT},
    "VX:hello66 私聊": {CONTACT},
    "What the FUCK": {INSULT, RUDE},
    "son of a bitch": {INSULT},
    "傻逼": {INSULT},
    "操你妈": {INSULT},
    "oh shit": {RUDE},
    "他妈的": {RUDE},
    "ONLINE CASINO": {GAMBLE},
    "Place your bets now, sportsbook": {GAMBLE},
    "百家乐 真人荷官 在线下注": {GAMBLE},
    "澳门线上娱乐城": {GAMBLE},
    "buy cocaine, stealth shipping": {DRUG},
    "weed for sale": {DRUG},
    "出售冰毒 货到付款": {DRUG},
    "\uff26\uff35\uff23\uff2b": {INSULT},  # in wide letters
}

LEFT_ALONE = [
    "Annual report 2024",
    "Page 12 of 88",
    "ISBN 978-3-16-148410-0",
    "2024-11-22 16:38:52",
    "Scunthorpe, Essex",
    "cocktail class at the Dickens",
    "Charlotte Bronte's heroine",
    "a game of poker",
    "Shiitake mushrooms",
    "Telegram",
    "Weather: 20-25 degrees, 1013 hPa",
    "192.168.100.254",
    "(c) 2019 The Project",
    "better, alphabet, tibet",
    "the slots of a class",
    "微信支付",
    "加油站",
    "中国彩票",
    "禁止吸烟",
    "assess the grass in Massachusetts",
]


@pytest.mark.parametrize("line", FOUND)
def test_text_gets_its_labels(line: str) -> None:
    """Each line has its labels, in English and Chinese, and no others."""
    assert set(judge_lines([(line, 1.0)])) == FOUND[line]


@pytest.mark.parametrize("line", LEFT_ALONE)
def test_ordinary_text_is_left_alone(line: str) -> None:
    """Dates, numbers, names and words that contain rude ones give no label."""
    assert judge_lines([(line, 1.0)]) == {}


def test_weak_words_need_company() -> None:
    """Two words that say little alone say enough together, also on two lines."""
    assert judge_lines([("roulette", 1.0)]) == judge_lines([("jackpot", 1.0)]) == {}
    assert set(judge_lines([("roulette", 1.0), ("jackpot", 1.0)])) == {GAMBLE}


def test_unsure_reading_lowers_the_confidence() -> None:
    """A line that was read badly counts for less, down to nothing."""
    sure, unsure = (judge_lines([("online casino", score)])[GAMBLE] for score in (1.0, 0.8))
    assert REPORTED_FROM <= unsure < sure <= 100
    assert judge_lines([("online casino", 0.1)]) == {}


def test_every_label_has_a_risk() -> None:
    """The eyes know the risk of each label that text can give."""
    assert set(PATTERNS) < set(RISKS_FROM)


@given(st.lists(st.tuples(st.text(max_size=2000), st.floats(0, 1)), max_size=20))
def test_any_text_is_judged(lines: list[tuple[str, float]]) -> None:
    """No text breaks the patterns, and confidences stay in their range."""
    assert all(REPORTED_FROM <= confidence <= 100 for confidence in judge_lines(lines).values())


@pytest.mark.parametrize("part", ["a", "@", "+1 ", "1", "电", "加 ", "f", "fu", "buy a ", "a@a.", "call "])
def test_patterns_are_quick_on_repetition(part: str) -> None:
    """A line of one repeated part is judged at once: no pattern backtracks for ever (the suite's time limit)."""
    assert all(confidence <= 100 for confidence in judge_lines([(part * 50_000, 1.0)]).values())
