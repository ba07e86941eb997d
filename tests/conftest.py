"""For all tests here."""
from hypothesis import settings

settings.register_profile("no deadline", deadline=None)       # a busy computer would break it
settings.load_profile("no deadline")
