"""Settings: which source wins, what each may hold, and how a mistake is told."""

import logging
import sys

import pytest

from service.app import create_app
from service.engine import processors
from service.settings import Settings, SettingsError, load_settings

SERVICE_OF_KUBERNETES = {
    "{}_SERVICE_HOST": "10.96.7.1",
    "{}_SERVICE_PORT": "8000",
    "{}_SERVICE_PORT_HTTP_METRICS": "8000",
    "{}_PORT": "tcp://10.96.7.1:8000",
    "{}_PORT_8000_TCP": "tcp://10.96.7.1:8000",
    "{}_PORT_8000_TCP_PROTO": "tcp",
    "{}_PORT_8000_TCP_PORT": "8000",
    "{}_PORT_8000_TCP_ADDR": "10.96.7.1",
    "{}_PORT_53_UDP": "udp://[fd00::1]:53",
}


def refused(flags=None, config=None, environ=None) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(flags or {}, config, environ or {})
    return str(caught.value)


@pytest.fixture
def config(tmp_path):
    return tmp_path / "fff.toml"


def test_flags_beat_the_environment_and_the_environment_beats_the_file(config):
    config.write_text('port = 1\nhost = "::1"\nlog_level = "debug"\n')
    environ = {"FFF_PORT": "2", "FFF_HOST": "0.0.0.0", "FFF_MAX_BATCH_ROWS": "64", "PATH": "/"}

    settings = load_settings({"port": 3, "host": None}, config, environ)

    assert (settings.port, settings.host) == (3, "0.0.0.0")
    assert (settings.max_batch_rows, settings.log_level) == (64, "debug")


@pytest.mark.parametrize("service", ["FFF", "FFF_SERVE", "FFF_GRPC", "FFF_OPS", "FFF_SERVE_2"])
def test_what_kubernetes_makes_for_a_service_sets_nothing_and_is_told(service, caplog):
    environ = {name.format(service): value for name, value in SERVICE_OF_KUBERNETES.items()}

    settings = load_settings({}, None, environ)

    assert settings.model_dump() == Settings().model_dump()
    assert settings.ignored == [*environ]
    with caplog.at_level(logging.INFO):
        create_app(settings)
    assert all(name in caplog.text for name in environ)


@pytest.mark.parametrize("form", SERVICE_OF_KUBERNETES)
def test_each_variable_of_kubernetes_is_known_by_its_form_alone(form):
    name, value = form.format("FFF_SERVE"), SERVICE_OF_KUBERNETES[form]

    assert load_settings({}, None, {name: value}).ignored == [name]
    assert "is unknown" in refused(environ={name.replace("_SERVE_", "_SERVE"): value})


@pytest.mark.parametrize(
    ("flags", "environ", "named"),
    [
        ({}, {"FFF_PROT": "1"}, "setting prot (FFF_PROT) is unknown"),
        ({}, {"FFF_PROT": ""}, "setting prot (FFF_PROT) is unknown"),
        ({}, {"FFF_SERVE_PORT": "8000"}, "setting serve_port (FFF_SERVE_PORT) is unknown"),
        ({}, {"FFF_PORT": "many"}, "setting port (FFF_PORT): "),
        ({}, {"FFF_SHADOW_RATIO": "nan"}, "setting shadow_ratio (FFF_SHADOW_RATIO): "),
        ({}, {"FFF_STORE": " \n"}, "setting store (FFF_STORE): Input should not be blank"),
        ({}, {"FFF_ADMIN_KEY": " \n"}, "setting admin_key (FFF_ADMIN_KEY): Input should not be bl"),
        ({}, {"FFF_ADMIN_KEY": "a\nb"}, "setting admin_key (FFF_ADMIN_KEY): Input should be one l"),
        ({}, {"FFF_OTLP_ENDPOINT": "a:1"}, "setting otlp_endpoint (FFF_OTLP_ENDPOINT): "),
        (
            {},
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4317"},
            "setting otlp_endpoint (OTEL_EXPORTER_OTLP_ENDPOINT): Input should be a URL",
        ),
        ({}, {"FFF_ROOT_PATH": "fff"}, "setting root_path (FFF_ROOT_PATH): "),
        ({}, {"FFF_ROOT_PATH": "/a/../b"}, "setting root_path (FFF_ROOT_PATH): "),
        ({}, {"FFF_ROOT_PATH": "/a?b"}, "setting root_path (FFF_ROOT_PATH): "),
        ({}, {"FFF_CORS_ORIGINS": "https://a, b"}, "setting cors_origins (FFF_CORS_ORIGINS): "),
        ({}, {"FFF_CORS_ORIGINS": "https://a/"}, "setting cors_origins (FFF_CORS_ORIGINS): "),
        ({}, {"FFF_FORWARDED_ALLOW_IPS": "proxy"}, "(FFF_FORWARDED_ALLOW_IPS): Input should be IP"),
        ({"max_batch_rows": 0}, {}, "setting max_batch_rows (--max-batch-rows): "),
        ({"device": "tpu"}, {"FFF_DEVICE": "cpu"}, "setting device (--device): "),
        (
            {"max_queue_rows": 5},
            {"FFF_MAX_BATCH_ROWS": "6"},
            "setting max_batch_rows (FFF_MAX_BATCH_ROWS) and setting max_queue_rows "
            "(--max-queue-rows): max_queue_rows (5) must be at least max_batch_rows (6)",
        ),
        (
            {"max_inflight_body_bytes": 2**20},
            {},
            "max_inflight_body_bytes (1048576) must be at least max_body_bytes",
        ),
    ],
)
def test_a_setting_that_does_not_fit_stops_start_up_by_its_name_and_source(flags, environ, named):
    assert named in refused(flags, None, environ)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"prot = 1", "setting prot (prot in {}) is unknown"),
        (b"[server]\nport = 1", "setting server (server in {}) is unknown"),
        (b"[port]\nnumber = 1", "setting port (port in {}): Input should be a valid integer"),
        (b"port = true", "setting port (port in {}): Input should not be a boolean, got True"),
        (b"port = 1.5", "setting port (port in {}): "),
        (b"host = 1", "setting host (host in {}): Input should be a valid string, got 1"),
        (b"cors_origins = [1]", "setting cors_origins (cors_origins in {}): "),
        (b"port = 1\nport = 2", "settings file {} is not TOML: Cannot overwrite a value"),
        (b"port = = 1", "settings file {} is not TOML: "),
        ("port = 1".encode("utf-16"), "settings file {} is not TOML: expected UTF-8 text"),
        (None, "settings file {}: No such file or directory"),
    ],
)
def test_what_is_wrong_in_a_settings_file_is_told_with_the_files_name(config, text, said):
    if text is not None:
        config.write_bytes(text)

    assert said.format(config) in refused(config=config)


def test_a_byte_order_mark_before_a_settings_file_is_no_part_of_it(config):
    config.write_bytes(b"\xef\xbb\xbfport = 5\r\n")

    assert load_settings({}, config, {}).port == 5


@pytest.mark.parametrize(
    "name", [name for name, field in Settings.model_fields.items() if field.default not in ("", ())]
)
def test_an_empty_value_is_as_if_it_were_not_given(config, name):
    """As compose files and shell scripts pass what nobody has set: the weaker source holds."""
    config.write_text('store = "/models"\nlog_format = "json"\nadmin_key = "k"')

    settings = load_settings({}, config, {f"FFF_{name.upper()}": ""})

    assert settings == load_settings({}, config, {})
    assert str(settings.store) == "/models"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("otlp_endpoint", "http://a:4318"),
        ("root_path", "/fff"),
        ("cors_origins", ["https://a"]),
        ("forwarded_allow_ips", ["::1"]),
    ],
)
def test_an_empty_value_turns_off_what_is_off_by_default(config, name, value):
    config.write_text(f"{name} = {value!r}")
    environ = {f"FFF_{name.upper()}": "", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://b:4318"}

    assert getattr(load_settings({}, config, {}), name) not in ("", ())
    assert getattr(load_settings({}, config, environ), name) in ("", ())


def test_blanks_around_a_value_and_between_those_of_a_list_are_no_part_of_it():
    environ = {
        "FFF_DEVICE": " cpu\n",
        "FFF_ADMIN_KEY": "key\r\n",
        "FFF_ROOT_PATH": "/a/b/ ",
        "FFF_CORS_ORIGINS": "https://a:8443, *",
        "FFF_FORWARDED_ALLOW_IPS": "10.0.0.0/8, ::1",
    }

    settings = load_settings({}, None, environ)

    assert settings.admin_key is not None
    assert settings.admin_key.get_secret_value() == "key"
    assert (settings.device, settings.root_path) == ("cpu", "/a/b")
    assert settings.cors_origins == ("https://a:8443", "*")
    assert settings.forwarded_allow_ips == ("10.0.0.0/8", "::1")


@pytest.mark.parametrize(("threads", "told"), [(2, False), (3, True)])
def test_more_compute_threads_than_processors_are_obeyed_and_told(
    monkeypatch, caplog, threads, told
):
    monkeypatch.setattr(processors, "usable_processors", lambda: 2)
    settings = load_settings({}, None, {"FFF_COMPUTE_THREADS": str(threads)})

    create_app(settings)

    assert settings.compute_threads == threads
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warned) == told
    assert all("(FFF_COMPUTE_THREADS) is 3, but this process may use 2" in text for text in warned)


@pytest.mark.parametrize(
    ("files", "processors_used"),
    [
        ({}, 8),
        ({"cpu.max": "max 100000"}, 8),
        ({"cpu.max": "150000 100000"}, 2),
        ({"cpu.max": "1000 100000"}, 1),
        ({"cpu.max": "9900000 100000"}, 8),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 8),
        ({"cpu/cpu.cfs_quota_us": "400000", "cpu/cpu.cfs_period_us": "100000"}, 4),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="affinity and control groups are Linux'")
def test_processors_are_those_of_the_affinity_within_the_quota(
    tmp_path, monkeypatch, files, processors_used
):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)))
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text + "\n")

    assert processors.usable_processors(tmp_path) == processors_used


def test_every_setting_is_documented():
    """The class's docstring explains each knob, which `style.md` rule 3 asks for."""
    assert Settings.__doc__ is not None
    for name in Settings.model_fields:
        assert f"{name}:" in Settings.__doc__
