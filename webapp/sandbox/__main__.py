"""`python -m webapp.sandbox`: the sandbox alone."""

from webapp import settings
from webapp.sandbox import serving

if __name__ == "__main__":
    serving.serve(settings.read())
