"""The environment -> Settings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.errors import BadSettings
from handler.settings import NAMES, Settings

NEEDED = {"POLICY": "policies/default.yml", "WATCHED_BUCKETS": "uploads", "MAX_DELIVERIES": "4"}


def mistakes(env: dict[str, str]) -> list[str]:
    """What is said about this environment, line by line."""
    with pytest.raises(BadSettings) as caught:
        Settings.from_env(env)
    return str(caught.value).split("\n")


def test_needed_settings_suffice() -> None:
    """Three settings are needed; the others have their defaults."""
    assert Settings.from_env(NEEDED) == Settings(
        policy="policies/default.yml",
        watched_buckets=("uploads",),
        max_deliveries=4,
        quarantine_bucket=None,
        ledger_bucket=None,
        oss_endpoint=None,
        green_endpoint="https://green-cip.ap-southeast-1.aliyuncs.com",
        green_region="ap-southeast-1",
        log_level="INFO",
        log_details=False,
    )


def test_every_setting_is_read() -> None:
    """Each variable arrives at its place."""
    env = NEEDED | {
        "QUARANTINE_BUCKET": "held",
        "LEDGER_BUCKET": "ledger",
        "WATCHED_BUCKETS": " uploads, avatars ,,",
        "OSS_ENDPOINT": "http://127.0.0.1:9000",
        "OSS_CUSTOM_DOMAINS": "uploads=https://pictures.example.com, avatars=http://a.example.com:8080/ ,",
        "GREEN_ENDPOINT": "https://green-cip-vpc.cn-shanghai.aliyuncs.com",
        "GREEN_REGION": "cn-shanghai",
        "GREEN_CALLS_A_SECOND": "50",
        "LOG_LEVEL": "DEBUG",
        "LOG_DETAILS": "true",
    }
    assert set(env) == set(NAMES)
    assert Settings.from_env(env) == Settings(
        policy="policies/default.yml",
        watched_buckets=("uploads", "avatars"),
        max_deliveries=4,
        quarantine_bucket="held",
        ledger_bucket="ledger",
        oss_endpoint="http://127.0.0.1:9000",
        green_endpoint="https://green-cip-vpc.cn-shanghai.aliyuncs.com",
        green_region="cn-shanghai",
        log_level="DEBUG",
        log_details=True,
        calls_a_second=50.0,
        custom_domains={"uploads": "https://pictures.example.com", "avatars": "http://a.example.com:8080"},
    )


@pytest.mark.parametrize(("text", "calls"), [("", 20.0), ("20", 20.0), ("0.5", 0.5), ("100", 100.0)])
def test_limit_of_calls_is_any_number_above_nothing(text: str, calls: float) -> None:
    """Empty, it is what the vendor's page on the service names."""
    assert Settings.from_env(NEEDED | {"GREEN_CALLS_A_SECOND": text}).calls_a_second == calls


@pytest.mark.parametrize("text", ["0", "-1", "twenty", "20/s", "1e9", "nan", "inf", "\u0662\u0660", " 20", "0.0"])
def test_limit_of_calls_that_is_none_is_refused(text: str) -> None:
    """With the value, and with what would be right."""
    [mistake] = mistakes(NEEDED | {"GREEN_CALLS_A_SECOND": text})
    assert mistake == f"GREEN_CALLS_A_SECOND: {text!r} is no number above 0; 20 is what the vendor names"


@pytest.mark.parametrize(
    "text",
    [
        "pictures.example.com",
        "uploads=pictures.example.com",
        "=https://a.b",
        "uploads=https://a.b/c",
        "uploads",
        "uploads=https://a.b?c",
        "uploads=https://a.b:c",
    ],
)
def test_custom_domain_that_is_none_is_refused(text: str) -> None:
    """With the value, and with what would be right."""
    [mistake] = mistakes(NEEDED | {"OSS_CUSTOM_DOMAINS": text})
    right = "BUCKET=URL, such as my-uploads=https://pictures.example.com"
    assert mistake == f"OSS_CUSTOM_DOMAINS: {text!r} is no bucket with the URL of its domain; {right}"


def test_custom_domains_are_one_for_each_watched_bucket() -> None:
    """A second one, and one of another bucket, are slips."""
    two = mistakes(NEEDED | {"OSS_CUSTOM_DOMAINS": "uploads=https://a.b,uploads=https://c.d"})
    assert two == ["OSS_CUSTOM_DOMAINS: 'uploads' has two domains; name one"]
    shared = mistakes({**NEEDED, "WATCHED_BUCKETS": "a,b", "OSS_CUSTOM_DOMAINS": "a=https://a.b, b = https://a.b/"})
    assert shared == ["OSS_CUSTOM_DOMAINS: 'https://a.b' is of 'a' and 'b'; a domain leads to one bucket"]
    other = mistakes(NEEDED | {"OSS_CUSTOM_DOMAINS": "upload=https://a.b"})
    assert other == ["OSS_CUSTOM_DOMAINS: 'upload' is not in WATCHED_BUCKETS, so nothing of it is judged"]


def test_no_password_in_a_custom_domain_is_repeated() -> None:
    """The bucket says which one is meant."""
    said = mistakes(NEEDED | {"OSS_CUSTOM_DOMAINS": "uploads=https://me:secret@a.b"})
    assert said == ["OSS_CUSTOM_DOMAINS: the URL for 'uploads' has a user in it; name the domain alone"]


@pytest.mark.parametrize("name", ["OSS_ENDPOINT", "GREEN_ENDPOINT"])
def test_the_right_endpoint_is_one_of_that_service(name: str) -> None:
    """Whoever copies it asks the service that the setting is for."""
    [said] = mistakes(NEEDED | {name: "host.example"})
    asked = {"OSS_ENDPOINT": "oss-", "GREEN_ENDPOINT": "green-cip."}
    assert f"one like https://{asked[name]}ap-southeast-1.aliyuncs.com would be right" in said


def test_public_endpoint_follows_the_region() -> None:
    """Without an endpoint the service is asked at the public one of its region."""
    settings = Settings.from_env(NEEDED | {"GREEN_REGION": "cn-shanghai"})
    assert settings.green_endpoint == "https://green-cip.cn-shanghai.aliyuncs.com"


def test_policy_sees_only_what_is_set() -> None:
    """A policy may name the settings that are set."""
    assert Settings.from_env(NEEDED).policy_values == {"GREEN_REGION": "ap-southeast-1"}
    held = Settings.from_env(NEEDED | {"QUARANTINE_BUCKET": "held"})
    assert held.policy_values == {"QUARANTINE_BUCKET": "held", "GREEN_REGION": "ap-southeast-1"}


def test_all_mistakes_are_said_at_once() -> None:
    """Each missing and each wrong variable is named, in one go."""
    said = mistakes({"LOG_LEVEL": "loud", "OSS_ENDPOINT": "oss.aliyuncs.com"})
    assert [line.split(":")[0] for line in said] == [
        "POLICY",
        "WATCHED_BUCKETS",
        "MAX_DELIVERIES",
        "OSS_ENDPOINT",
        "LOG_LEVEL",
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POLICY", ""),
        ("WATCHED_BUCKETS", ""),
        ("WATCHED_BUCKETS", " , ,"),
        ("MAX_DELIVERIES", "0"),
        ("MAX_DELIVERIES", "10"),
        ("MAX_DELIVERIES", "-1"),
        ("MAX_DELIVERIES", "2.5"),
        ("MAX_DELIVERIES", "four"),
        ("MAX_DELIVERIES", "\N{ARABIC-INDIC DIGIT FOUR}"),
        ("MAX_DELIVERIES", "4" * 5000),
        ("OSS_ENDPOINT", "oss-ap-southeast-1.aliyuncs.com"),
        ("OSS_ENDPOINT", "https://"),
        ("OSS_ENDPOINT", "https://oss.example:https"),
        ("OSS_ENDPOINT", "https://[::1"),
        ("OSS_ENDPOINT", "ftp://oss.aliyuncs.com"),
        ("GREEN_ENDPOINT", "green-cip.ap-southeast-1.aliyuncs.com"),
        ("LEDGER_BUCKET", "uploads"),
        ("LOG_LEVEL", "info"),
        ("LOG_DETAILS", "yes"),
    ],
)
def test_wrong_value_is_refused_by_name(name: str, value: str) -> None:
    """A wrong value fails the initializer with the variable's name, and once."""
    [mistake] = mistakes(NEEDED | {name: value})
    assert mistake.startswith(f"{name}: ")


@pytest.mark.parametrize(
    ("name", "meant"),
    [("QUARANTINE_BUCKETS", "QUARANTINE_BUCKET"), ("WATCHED_BUCKET", "WATCHED_BUCKETS"), ("LOGLEVEL", "LOG_LEVEL")],
)
def test_misspelt_setting_is_refused(name: str, meant: str) -> None:
    """A setting that does nothing would be believed in."""
    assert mistakes(NEEDED | {name: "x"}) == [f"{name}: unknown setting; did you mean {meant}?"]


def test_variables_of_others_are_left_alone() -> None:
    """An environment is full of names that are not ours."""
    env = {"PATH": "/bin", "HOME": "/tmp", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "s", "FC_REGION": "x", "TZ": "UTC"}  # noqa: S108
    assert Settings.from_env(env | NEEDED) == Settings.from_env(NEEDED)


@given(st.dictionaries(st.sampled_from(NAMES), st.text(st.characters(exclude_categories=()), max_size=20)))
def test_any_environment_gives_settings_or_bad_settings(env: dict[str, str]) -> None:
    """Nothing else is raised, and each line names a variable."""
    try:
        settings = Settings.from_env(env)
    except BadSettings as exc:
        lines = str(exc).split("\n")
        assert all(line.split(":")[0] in NAMES for line in lines)
    else:
        assert settings.watched_buckets
        assert 1 <= settings.max_deliveries <= 9
