import pytest

from service.settings import Settings, SettingsError, load_settings


def test_flags_beat_the_file_and_the_file_beats_the_environment(tmp_path):
    config = tmp_path / "fff.toml"
    config.write_text('port = 2\nhost = "::1"\n')
    environ = {"FFF_PORT": "1", "FFF_HOST": "0.0.0.0", "FFF_MAX_BATCH_ROWS": "64", "PATH": "/"}

    settings = load_settings({"port": 3, "host": None}, config, environ)

    assert (settings.port, settings.host, settings.max_batch_rows) == (3, "::1", 64)


@pytest.mark.parametrize(
    ("flags", "environ", "named"),
    [
        ({}, {"FFF_PROT": "1"}, "setting prot (FFF_PROT) is unknown"),
        ({}, {"FFF_PORT": "many"}, "setting port (FFF_PORT)"),
        ({"max_batch_rows": 0}, {}, "setting max_batch_rows (FFF_MAX_BATCH_ROWS)"),
        ({"device": "tpu"}, {}, "setting device (FFF_DEVICE)"),
        (
            {"max_inflight_body_bytes": 2**20},
            {},
            "max_inflight_body_bytes (1048576) must be at least max_body_bytes",
        ),
        ({"max_queue_rows": 5}, {}, "max_queue_rows (5) must be at least max_batch_rows"),
    ],
)
def test_a_setting_that_does_not_fit_stops_start_up_by_its_name(flags, environ, named):
    with pytest.raises(SettingsError) as caught:
        load_settings(flags, None, environ)
    assert named in str(caught.value)


@pytest.mark.parametrize(
    ("text", "named"),
    [("prot = 1", "FFF_PROT"), ("port = = 1", "not TOML"), (None, "settings file")],
)
def test_a_settings_file_that_cannot_be_used_is_named(tmp_path, text, named):
    config = tmp_path / "fff.toml"
    if text is not None:
        config.write_text(text)
    with pytest.raises(SettingsError, match=named):
        load_settings({}, config, {})


def test_every_setting_is_documented():
    """The class's docstring explains each knob, which `style.md` rule 3 asks for."""
    assert Settings.__doc__ is not None
    for name in Settings.model_fields:
        assert f"{name}:" in Settings.__doc__
