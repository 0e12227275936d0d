"""The values for Dagster's chart and the manifests beside it.

The chart itself is not here, so what its templates make of the values is built anew, as far as it matters, and checked
against Kubernetes' own schemas. The keys are those of the chart's values.yaml.
"""

import copy
import re
import shlex
from typing import Any

import kubernetes_validate
import pytest

from st_deltek_pipeline_tests.deploy.deployment import (
    DEPLOY,
    KNOWN_VARIABLES,
    MANIFESTS,
    PROJECT,
    SECRET_VARIABLES,
    WORKDIR,
    documents,
    load,
    program_calls,
    wrong_words,
)

_VALUES = load(DEPLOY / "kubernetes/values.yaml")
_CHART_FOLDER = "/opt/dagster/dagster_home"
_SERVERS = ("dagsterWebserver", "dagsterDaemon")
# Keys of the chart's values.yaml that are set here, by their places; Kubernetes' own objects are below them.
_CHART_KEYS = {
    "": {
        "global", "rbacEnabled", "generatePostgresqlPasswordSecret", "generateCeleryConfigSecret", "telemetry",
        "dagster-user-deployments", "postgresql", "dagsterWebserver", "dagsterDaemon",
    },
    "global": {"postgresqlSecretName"},
    "telemetry": {"enabled"},
    "dagster-user-deployments": {"enabled", "enableSubchart"},
    "postgresql": {"enabled", "postgresqlHost", "postgresqlUsername", "image"},
    "dagsterWebserver": {
        "image", "service", "env", "podSecurityContext", "securityContext", "volumeMounts", "volumes", "resources",
        "readinessProbe", "livenessProbe", "startupProbe",
    },
    "dagsterDaemon": {
        "enabled", "image", "env", "podSecurityContext", "securityContext", "volumeMounts", "volumes", "resources",
        "heartbeatTolerance", "livenessProbe", "startupProbe",
    },
}  # fmt: skip


def _deployment(name: str) -> dict[str, Any]:
    """Build the Deployment that the chart makes of the values of its web server or daemon."""
    values = copy.deepcopy(_VALUES[name])
    startup = values.get("startupProbe", {})
    container = {
        "name": "dagster",
        "image": f"{values['image']['repository']}:{values['image']['tag']}",
        "imagePullPolicy": values["image"]["pullPolicy"],
        "command": ["/bin/bash", "-c", _chart_command(name)],
        "env": [
            {
                "name": "DAGSTER_PG_PASSWORD",
                "valueFrom": {
                    "secretKeyRef": {"name": _VALUES["global"]["postgresqlSecretName"], "key": "postgresql-password"}
                },
            },
            *values["env"],
        ],
        "envFrom": [{"configMapRef": {"name": "env"}}],
        "securityContext": values["securityContext"],
        "resources": values["resources"],
        "volumeMounts": [
            {"name": "dagster-instance", "mountPath": f"{_CHART_FOLDER}/dagster.yaml", "subPath": "dagster.yaml"},
            *values["volumeMounts"],
        ],
        **{probe: values[probe] for probe in ("readinessProbe", "livenessProbe") if probe in values},
    }
    if startup.pop("enabled", False):
        container["startupProbe"] = startup
    volumes = [{"name": "dagster-instance", "configMap": {"name": "instance"}}, *values["volumes"]]
    labels = {"component": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name.lower()},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "securityContext": values["podSecurityContext"],
                    "containers": [container],
                    "volumes": volumes,
                },
            },
        },
    }


def _chart_command(name: str) -> str:
    if name == "dagsterDaemon":
        return "dagster-daemon run"
    return f"dagster-webserver -h 0.0.0.0 -p {_VALUES[name]['service']['port']}"


def _pods() -> list[Any]:
    """Every pod there will be: of the chart and of the manifests."""
    workloads = [_deployment(name) for name in _SERVERS]
    workloads += [each for path in MANIFESTS for each in documents(path) if each["kind"] in {"Deployment", "Job"}]
    return [pytest.param(each, id=each["metadata"]["name"]) for each in workloads]


def _pod(workload: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = workload["spec"]["template"]["spec"]
    return spec


def _ours(workload: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in _pod(workload)["containers"] if "/st-deltek:" in each["image"]]


def test_only_keys_of_the_chart_are_set() -> None:
    found = {place: set(_VALUES[place] if place else _VALUES) for place in _CHART_KEYS}
    assert found == _CHART_KEYS
    assert set(_CHART_KEYS) - {""} == {key for key, value in _VALUES.items() if isinstance(value, dict)}


@pytest.mark.parametrize("name", _SERVERS)
@pytest.mark.parametrize("version", ["1.28", kubernetes_validate.latest_version()])
def test_what_the_chart_makes_of_the_values_is_what_kubernetes_takes(name: str, version: str) -> None:
    kubernetes_validate.validate(_deployment(name), version, strict=True)


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_manifests_are_what_an_older_kubernetes_takes_too(path: Any) -> None:
    for each in documents(path):
        kubernetes_validate.validate(each, "1.28", strict=True)


def test_an_object_that_kubernetes_does_not_take_is_noticed() -> None:
    wrong = _deployment("dagsterDaemon")
    _pod(wrong)["containers"][0]["livenessProbes"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("workload", _pods())
def test_a_pod_gains_no_rights_and_writes_only_where_it_has_to(workload: dict[str, Any]) -> None:
    pod = _pod(workload)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert "memory" in container["resources"]["limits"]
        writable = {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
        assert writable - {f"{_CHART_FOLDER}/dagster.yaml"} <= {f"{WORKDIR}/.st_deltek", "/tmp"}  # noqa: S108 - in a pod


@pytest.mark.parametrize("workload", _pods())
def test_every_command_and_variable_of_a_pod_is_one_the_program_knows(workload: dict[str, Any]) -> None:
    for container in _ours(workload):
        commands = [[*container["command"], *container.get("args", ())]]
        commands += [
            container[probe]["exec"]["command"]
            for probe in ("startupProbe", "livenessProbe", "readinessProbe")
            if "exec" in container.get(probe, {})
        ]
        calls = [call for words in commands for call in program_calls(_unwrapped(words))]
        assert calls
        assert {call[0]: wrong_words(call) for call in calls if wrong_words(call)} == {}
        names = {each["name"] for each in container["env"]} - {"DAGSTER_PG_PASSWORD"}
        assert names <= KNOWN_VARIABLES
        assert not names & SECRET_VARIABLES


def _unwrapped(words: list[str]) -> list[str]:
    return shlex.split(words[2]) if words[:2] == ["/bin/bash", "-c"] else words


@pytest.mark.parametrize("workload", _pods())
def test_a_file_with_a_secret_that_a_variable_names_is_mounted_from_the_secret(workload: dict[str, Any]) -> None:
    for container in _ours(workload):
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        files = {
            f"{mounts[volume['name']]}/{item['path']}"
            for volume in _pod(workload)["volumes"]
            if "secret" in volume
            for item in volume["secret"]["items"]
        }
        named = {each["value"] for each in container["env"] if each["name"].endswith("_FILE")}
        named |= set(re.findall(r"=(/run/secrets/\S+)", " ".join(container["command"])))
        assert named == files
        assert {mounts[each["name"]] for each in _pod(workload)["volumes"] if "configMap" in each} <= {
            f"{WORKDIR}/connections",
            f"{_CHART_FOLDER}/dagster.yaml",
        }


def test_only_the_migration_has_the_owners_login_and_the_ui_has_its_own() -> None:
    items = {
        pod.id: {
            item["key"]
            for volume in _pod(pod.values[0])["volumes"]
            for item in volume.get("secret", {}).get("items", ())
        }
        for pod in _pods()
        if _ours(pod.values[0])
    }
    urls = {name: found - {"master_key"} for name, found in items.items()}
    assert urls.pop("st-deltek-migrate") == {"owner_database_url", "database_url", "ui_database_url"}
    assert urls.pop("dagsterwebserver") == {"ui_database_url"}
    assert urls == {"dagsterdaemon": {"database_url"}, "st-deltek-receiver": {"database_url"}}
    assert {name for name, found in items.items() if "master_key" in found} == set(urls)
    (migrate,) = _ours(documents(DEPLOY / "kubernetes/migrate.yaml")[0])
    owner = {"name": "ST_DELTEK_DATABASE_URL_FILE", "value": "/run/secrets/st-deltek/owner_database_url"}
    assert migrate["env"] == [owner]
    steps = " ".join(" ".join(migrate["command"]).split())
    folder = "/run/secrets/st-deltek"
    assert steps.endswith(f"--apply --login app={folder}/database_url --login ui={folder}/ui_database_url")


def test_the_secret_that_the_steps_create_has_every_key_that_a_pod_takes() -> None:
    (line,) = (
        line for line in (PROJECT / "docs/deploy.md").read_text().splitlines() if "create secret generic" in line
    )
    created = set(re.findall(r"--from-(?:file|literal)=(\w+(?:-\w+)*)", line))
    taken = {
        item["key"]
        for pod in _pods()
        for volume in _pod(pod.values[0])["volumes"]
        if volume.get("secret", {}).get("secretName") == "st-deltek"
        for item in volume["secret"]["items"]
    }
    assert created == taken | {"postgresql-password"}


def test_dagsters_settings_are_those_of_the_image_and_not_the_charts() -> None:
    for name in _SERVERS:
        assert {"name": "DAGSTER_HOME", "value": WORKDIR} in _VALUES[name]["env"]
    # Whoever sets these in the values would expect them to do something.
    inert = {"runCoordinator", "runMonitoring", "runRetries", "sensors", "schedules"}
    assert not inert & set(_VALUES["dagsterDaemon"])
    assert not {"runLauncher", "concurrency", "retention", "computeLogManager", "additionalInstanceConfig"} & set(
        _VALUES
    )


def test_the_ui_is_reached_through_the_login_only() -> None:
    webserver = _VALUES["dagsterWebserver"]
    assert webserver["service"]["type"] == "ClusterIP"
    port = webserver["service"]["port"]
    assert {webserver[probe]["httpGet"]["port"] for probe in ("readinessProbe", "livenessProbe", "startupProbe")} == {
        port
    }
    objects = documents(DEPLOY / "kubernetes/ui.yaml")
    (proxy,) = (each for each in objects if each["kind"] == "Deployment")
    (container,) = _pod(proxy)["containers"]
    assert f"--upstream=http://st-deltek-dagster-webserver:{port}" in container["args"]
    policy = next(each for each in objects if each["metadata"]["name"] == "st-deltek-webserver")
    (rule,) = policy["spec"]["ingress"]
    receiver = documents(DEPLOY / "kubernetes/receiver.yaml")[0]
    labels = [each["spec"]["template"]["metadata"]["labels"] for each in (proxy, receiver)]
    assert rule["from"] == [{"podSelector": {"matchLabels": each}} for each in labels]
    assert _pod(receiver)["containers"][0]["args"] == ["--dagster-url", f"http://st-deltek-dagster-webserver:{port}"]
    assert rule["ports"] == [{"protocol": "TCP", "port": port}]


def test_the_world_reaches_deliveries_only() -> None:
    ingresses = [each for path in MANIFESTS for each in documents(path) if each["kind"] == "Ingress"]
    ways = {
        (path["path"], path["backend"]["service"]["name"])
        for each in ingresses
        for rule in each["spec"]["rules"]
        for path in rule["http"]["paths"]
    }
    assert ways == {("/webhooks/", "st-deltek-receiver"), ("/", "st-deltek-ui")}
    assert all(each["spec"]["tls"] for each in ingresses)
    services = [each for path in MANIFESTS for each in documents(path) if each["kind"] == "Service"]
    assert {each["spec"].get("type", "ClusterIP") for each in services} == {"ClusterIP"}


def test_every_pod_runs_the_same_version_of_the_image_and_dagster_that_of_the_lock() -> None:
    images = {container["image"] for each in _pods() for container in _ours(each.values[0])}
    assert len(images) == 1
    assert images.pop().rpartition(":")[2] in (PROJECT / "pyproject.toml").read_text()
    lock = (PROJECT / "requirements.lock").read_text()
    head = (DEPLOY / "kubernetes/values.yaml").read_text().splitlines()
    (version,) = {words[words.index("--version") + 1] for words in map(str.split, head) if "--version" in words}
    assert f"\ndagster=={version} " in lock
