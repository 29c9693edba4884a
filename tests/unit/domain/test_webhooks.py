"""Which addresses events may go to, which events there are, and how long is waited."""

import pytest

from app.domain import webhooks
from app.domain.errors import SpecInvalid


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0"),  # noqa: S104
        *("100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::7", "fd12::1", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe"),
        *("64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:7f00:1::"),
    ],
)
def test_private_addresses_are_known_in_every_disguise(address: str) -> None:
    assert not webhooks.is_public(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f::1", "::ffff:93.184.215.14"])
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert webhooks.is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.com/", "ftp://example.com/", "example.com", "https://", "https:///x"),
        *("https://localhost/", "https://a.localhost/", "https://127.0.0.1/", "https://[::1]/"),
        *("https://[::ffff:127.0.0.1]/", "https://169.254.169.254/latest", "https://10.0.0.1:8443"),
        *("https://user:word@example.com/", "https://example.com/#part", "https://example.com/a b"),
        *("https://example.com:99999/", "https://[::1/", "https://exa\u0301mple.com/"),
    ],
)
def test_an_address_that_is_not_public_https_is_refused_with_a_pointer(url: str) -> None:
    with pytest.raises(SpecInvalid) as refused:
        webhooks.check_url(url, allow_private=False)

    assert refused.value.errors[0]["pointer"] == "/url"
    assert refused.value.remedy


def test_trying_out_may_use_this_machine() -> None:
    webhooks.check_url("https://example.com/hooks?token=1", allow_private=False)
    webhooks.check_url("http://127.0.0.1:9000/", allow_private=True)


def test_a_misspelt_event_gets_the_nearest() -> None:
    webhooks.check_events(["job.*", *webhooks.EVENT_TYPES])

    with pytest.raises(SpecInvalid) as refused:
        webhooks.check_events(["job.failed", "job.suceeded"])

    assert refused.value.remedy == "did you mean 'job.succeeded'?"
    assert refused.value.errors[0]["pointer"] == "/events/1"


def test_by_default_the_ends_of_jobs_are_sent() -> None:
    ends = {"job.succeeded", "job.failed", "job.cancelled", "job.expired"}

    assert set(webhooks.DEFAULT_EVENTS) == ends


def test_pauses_grow_to_a_day_in_all_and_heed_the_receiver() -> None:
    longest = webhooks.LONGEST_PAUSES_SECONDS

    assert list(longest) == sorted(longest)
    assert 18 * 3600 < sum(longest) / 2 < 30 * 3600
    for tries in range(1, webhooks.MAX_TRIES):
        assert 0 <= webhooks.pause_seconds(tries) <= longest[tries - 1]
    assert webhooks.pause_seconds(1, retry_after_seconds=120) == 120
    assert webhooks.pause_seconds(1, retry_after_seconds=1e9) == 24 * 3600


def test_a_receiver_is_left_alone_for_a_minute_at_most() -> None:
    assert 0 <= webhooks.cool_down_seconds(1) <= 2
    assert 0 <= webhooks.cool_down_seconds(10_000) <= 60
