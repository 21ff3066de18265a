"""django-anymail's SendGrid view, with a handler as its documentation advises: a row for each
event, and the copy's own row brought up to date. `gunicorn anymail_app:app`."""

import os

import django
from django.conf import settings

database = (
    {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": "127.0.0.1",
        "PORT": os.environ["BENCH_PG_PORT"],
        "NAME": os.environ["BENCH_DATABASE"],
        "USER": "postgres",
        "CONN_MAX_AGE": 600,
    }
    if "BENCH_PG_PORT" in os.environ
    else {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ["BENCH_DATABASE"],
        "OPTIONS": {"timeout": 30, "init_command": "PRAGMA journal_mode=WAL;"},
    }
)
settings.configure(
    SECRET_KEY="of the benchmark",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF="anymail_app",
    INSTALLED_APPS=["anymail"],
    USE_TZ=True,
    DATA_UPLOAD_MAX_MEMORY_SIZE=8 << 20,
    LOGGING_CONFIG=None,
    DATABASES={"default": database | {"ATOMIC_REQUESTS": True}},
    ANYMAIL={"SENDGRID_TRACKING_WEBHOOK_VERIFICATION_KEY": os.environ["BENCH_KEY"]},
)
django.setup()

from anymail.signals import tracking  # noqa: E402
from anymail.webhooks.sendgrid import SendGridTrackingWebhookView  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection, models  # noqa: E402
from django.dispatch import receiver  # noqa: E402
from django.urls import path  # noqa: E402

RANKS = {"processed": 1, "deferred": 2, "delivered": 4, "open": 4, "click": 4, "bounce": 5}


class Copy(models.Model):
    address = models.TextField()
    status = models.SmallIntegerField(default=0)
    opens = models.IntegerField(default=0)
    clicks = models.IntegerField(default=0)

    class Meta:
        app_label = "anymail_app"


class Event(models.Model):
    key = models.TextField(unique=True)
    copy = models.ForeignKey(Copy, on_delete=models.CASCADE)
    kind = models.TextField()
    reply = models.TextField(null=True)
    at = models.DateTimeField()

    class Meta:
        app_label = "anymail_app"


@receiver(tracking)
def handle(sender, event, esp_name, **kwargs) -> None:
    said = event.esp_event
    _, is_new = Event.objects.get_or_create(
        key=said["sg_event_id"],
        defaults={
            "copy_id": said["number"] + 1,
            "kind": event.event_type,
            "reply": said.get("reason") or said.get("response"),
            "at": event.timestamp,
        },
    )
    if is_new:
        copy = Copy.objects.get(pk=said["number"] + 1)
        copy.status = max(copy.status, RANKS[said["event"]])
        copy.opens += said["event"] == "open"
        copy.clicks += said["event"] == "click"
        copy.save()


def fill(copies: int) -> None:
    with connection.schema_editor() as editor:
        editor.create_model(Copy)
        editor.create_model(Event)
    Copy.objects.bulk_create(Copy(address=f"person{n}@x.test") for n in range(copies))


urlpatterns = [path("hook", SendGridTrackingWebhookView.as_view())]
app = get_wsgi_application()

if __name__ == "__main__":
    fill(int(os.environ["BENCH_COPIES"]))
