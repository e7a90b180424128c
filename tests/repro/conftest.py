"""The laboratory's tests keep their scenes in a folder of their own, and leave the user's cache alone."""

import pytest


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIGHTGLASS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
