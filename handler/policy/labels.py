"""The label catalogue: what the moderation service can find, and how a policy's patterns name it.

Source: the vendor's page on the service `postImageCheckByVL_global`, table 6 and the table of labels without risk,
78 + 2 labels. The meanings are in our own words.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from handler.policy.globs import Glob, compile_label

DEFAULT_SERVICE = "postImageCheckByVL_global"
LIBRARY_SUFFIX = "_lib"
NO_RISK_LABELS = frozenset({"nonLabel", "nonLabel_lib"})


@dataclass(frozen=True, slots=True)
class Label:
    """One label of the service. `judged_from` is `picture` or `text` (writing in the picture)."""

    name: str
    family: str
    judged_from: str
    meaning: str


_LABELS = (
    Label("pornographic_adultContent", "pornographic", "picture", "nudity or sex, in a photo"),
    Label("pornographic_cartoon", "pornographic", "picture", "nudity or sex, drawn or animated"),
    Label("pornographic_adultToys", "pornographic", "picture", "sex toys"),
    Label("pornographic_artwork", "pornographic", "picture", "nudity or sex in a work of art"),
    Label("pornographic_underage", "pornographic", "picture", "sexual abuse of children"),
    Label("pornographic_adultContent_tii", "pornographic", "text", "writing about sex"),
    Label("pornographic_suggestive_tii", "pornographic", "text", "vulgar writing"),
    Label("pornographic_o_tii", "pornographic", "text", "writing about LGBT people"),
    Label("pornographic_organs_tii", "pornographic", "text", "writing that describes sexual organs"),
    Label("pornographic_adultToys_tii", "pornographic", "text", "writing about sex toys"),
    Label("sexual_suggestiveContent", "sexual", "picture", "vulgar or suggestive, short of nudity"),
    Label("sexual_femaleUnderwear", "sexual", "picture", "women in underwear or swimwear"),
    Label("sexual_cleavage", "sexual", "picture", "a woman's cleavage, shown suggestively"),
    Label("sexual_maleTopless", "sexual", "picture", "men without a shirt"),
    Label("sexual_cartoon", "sexual", "picture", "suggestive, drawn or animated"),
    Label("sexual_femaleShoulder", "sexual", "picture", "a woman's shoulders, shown suggestively"),
    Label("sexual_femaleLeg", "sexual", "picture", "a woman's legs, shown suggestively"),
    Label("sexual_pregnancy", "sexual", "picture", "pregnancy or breastfeeding"),
    Label("sexual_feet", "sexual", "picture", "feet, shown suggestively"),
    Label("sexual_kiss", "sexual", "picture", "people kissing"),
    Label("sexual_intimacy", "sexual", "picture", "people being intimate"),
    Label("sexual_intimacyCartoon", "sexual", "picture", "people being intimate, drawn or animated"),
    Label("political_historicalNihility", "political", "picture", "sensitive events of history, or history denied"),
    Label("political_historicalNihility_tii", "political", "text", "writing that denies history"),
    Label("political_politicalFigure_1", "political", "picture", "a national leader of China, present or past"),
    Label("political_politicalFigure_2", "political", "picture", "family of a national leader of China"),
    Label("political_politicalFigure_3", "political", "picture", "an official of a Chinese province or city"),
    Label("political_politicalFigure_4", "political", "picture", "a foreign leader, or family of one"),
    Label("political_politicalFigure_name_tii", "political", "text", "a political leader's name, in writing"),
    Label("political_prohibitedPerson_1", "political", "picture", "a disgraced national official of China"),
    Label("political_prohibitedPerson_2", "political", "picture", "a disgraced official of a Chinese province or city"),
    Label("political_prohibitedPerson_tii", "political", "text", "a disgraced official's name, in writing"),
    Label("political_taintedCelebrity", "political", "picture", "a celebrity in a scandal"),
    Label("political_taintedCelebrity_tii", "political", "text", "the name of a celebrity in a scandal, in writing"),
    Label("political_CNFlag", "political", "picture", "the flag of China"),
    Label("political_CNMap", "political", "picture", "a map of China"),
    Label("political_logo", "political", "picture", "the logo of a news outlet banned in China"),
    Label("political_outfit", "political", "picture", "a military or police uniform"),
    Label("political_badge", "political", "picture", "a national or party emblem"),
    Label(
        "political_racism_tii",
        "political",
        "text",
        "writing that the vendor calls special expressions; its console says more",
    ),
    Label("violent_explosion", "violent", "picture", "an explosion, or fireworks"),
    Label("violent_armedForces", "violent", "picture", "a terrorist organisation"),
    Label("violent_burning", "violent", "picture", "something on fire"),
    Label("violent_weapon", "violent", "picture", "military equipment"),
    Label("violent_crowding", "violent", "picture", "a crowd"),
    Label("violent_gun", "violent", "picture", "guns"),
    Label("violent_knives", "violent", "picture", "knives"),
    Label("violent_horrific", "violent", "picture", "violence or horror"),
    Label("violent_nazi", "violent", "picture", "Nazi symbols and the like"),
    Label("violent_bloody", "violent", "picture", "blood and gore"),
    Label("violent_extremistGroups_tii", "violent", "text", "writing about violent extremist groups"),
    Label("violent_extremistIncident_tii", "violent", "text", "writing about terrorist attacks"),
    Label("violence_weapons_tii", "violence", "text", "writing about guns, ammunition or other weapons"),
    Label("violent_ACU", "violent", "picture", "combat dress"),
    Label("contraband_drug", "contraband", "picture", "drugs or medicines"),
    Label("contraband_drug_tii", "contraband", "text", "writing about illegal drugs"),
    Label("contraband_gamble", "contraband", "picture", "gambling"),
    Label("contraband_gamble_tii", "contraband", "text", "writing about gambling"),
    Label(
        "contraband_certificate_tii",
        "contraband",
        "text",
        "writing that offers forged certificates or cash for credit; never has a confidence",
    ),
    Label("religion_flag", "religion", "picture", "a religious flag or symbol"),
    Label("religion_clothing", "religion", "picture", "clothing or symbols that the vendor's console lists"),
    Label("religion_logo", "religion", "picture", "a religious sign; the vendor does not say more"),
    Label("religion_taboo1_tii", "religion", "text", "writing about religion; the vendor does not say more"),
    Label("religion_taboo2_tii", "religion", "text", "writing about religion; the vendor does not say more"),
    Label("flag_country", "flag", "picture", "a flag"),
    Label("pt_logotoSocialNetwork", "pt", "picture", "the watermark of a social network"),
    Label("QR code", "qr_code", "picture", "a QR code"),
    Label("pt_logo", "pt", "picture", "a logo"),
    Label("pt_toDirectContact_tii", "pt", "text", "contact details that lead people elsewhere, in writing"),
    Label("pt_custom_01", "pt", "picture", "yours to define in the vendor's console (1)"),
    Label("pt_custom_02", "pt", "picture", "yours to define in the vendor's console (2)"),
    Label("inappropriate_smoking", "inappropriate", "picture", "smoking"),
    Label("inappropriate_drinking", "inappropriate", "picture", "alcohol"),
    Label("inappropriate_tattoo", "inappropriate", "picture", "tattoos"),
    Label("inappropriate_middleFinger", "inappropriate", "picture", "the middle finger"),
    Label("inappropriate_foodWasting", "inappropriate", "picture", "food being wasted"),
    Label("profanity_oral_tii", "profanity", "text", "swearing or slang, in writing"),
    Label("profanity_offensive_tii", "profanity", "text", "insults, in writing"),
    Label("nonLabel", "none", "picture", "nothing found (or every check is switched off in the vendor's console)"),
    Label("nonLabel_lib", "none", "picture", "very like a picture that you exempted in the vendor's console"),
)
CATALOGUE = {label.name: label for label in _LABELS}


@dataclass(frozen=True, slots=True)
class LabelSet:
    """The labels that a condition names: `exact` as written, `names` with their `_lib` forms, and wildcards."""

    exact: frozenset[str]
    names: frozenset[str]
    wildcards: tuple[Glob, ...]
    everything: bool

    def matches(self, label: str) -> bool:
        """Tell whether a pattern fits the label or, for a `_lib` label, the label that it is a form of."""
        if self.everything or label in self.names:
            return True
        base = label.removesuffix(LIBRARY_SUFFIX)
        return any(glob.matches(label) or (base != label and glob.matches(base)) for glob in self.wildcards)

    def globs(self) -> Iterator[Glob]:
        """Every pattern and its `_lib` form, each as a glob of its own."""
        for text in (*sorted(self.exact), *(glob.text for glob in self.wildcards)):
            yield compile_label(text)
            yield compile_label(text + LIBRARY_SUFFIX)


def compile_labels(patterns: Iterable[str]) -> LabelSet:
    """Literals and `*` wildcards, `$lists` already replaced by what they hold."""
    texts = frozenset(patterns)
    exact = frozenset(text for text in texts if "*" not in text)
    wildcards = tuple(compile_label(text) for text in sorted(texts - exact))
    names = exact | {name + LIBRARY_SUFFIX for name in exact - NO_RISK_LABELS}
    return LabelSet(exact, names, wildcards, any(not text.strip("*") for text in texts - exact))


def is_library(label: str) -> bool:
    """Tell whether the label is a hit in the customer's own image library; its confidence is then a similarity."""
    return label.endswith(LIBRARY_SUFFIX)


def is_known(label: str, extra: Iterable[str] = ()) -> bool:
    """Tell whether the service, as far as we know, can give this label. `extra`: labels newer than the catalogue."""
    known = {*CATALOGUE, *extra}
    return label in known or label.removesuffix(LIBRARY_SUFFIX) in known - NO_RISK_LABELS
