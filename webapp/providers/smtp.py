"""Any SMTP relay: nothing comes back but the SMTP answer."""

from webapp.providers.contract import Provider

PROVIDER = Provider(name="smtp", title="Any SMTP server", docs="", reports=False)
