"""Long work is asked to end, and a new process begins unasked."""

from webapp.lib import stopping


def test_asked_until_forgotten() -> None:
    assert not stopping.is_asked()
    stopping.ask(15, None)
    assert stopping.is_asked()
    stopping.forget()
    assert not stopping.is_asked()
