import pytest

from tests.bulk_email import sent_again
from webapp.bulk_email.models import BulkEmail


@pytest.fixture
def parent(cast) -> BulkEmail:
    return sent_again.make_parent(cast)
