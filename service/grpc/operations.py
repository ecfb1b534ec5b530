"""
The Open Inference Protocol's calls over gRPC that compute nothing.

Covered:      health, metadata, configuration, statistics, repository.
Not covered:  inference (`inference`); shared memory, tracing, log settings: UNIMPLEMENTED.

They answer with the dictionaries of their REST paths; the protocol gave both the same names.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from service.admin_key import require_admin_key
from service.engine.engine import Engine
from service.engine.repository import Repository
from service.engine.served_model import ServedModel
from service.errors import InvalidInput, ModelNotServed, Unavailable
from service.protocol.model_config import model_config
from service.protocol.open_inference import EXTENSIONS, SERVER, model_metadata

Operation = Callable[[Any, bytes | None], Awaitable[dict[str, Any]]]
"""From the request message and the `authorization` metadata to the fields of the answer."""


class Operations:
    """
    Handlers of one service.

    Args:
        engine: Describes and counts the models it serves.
        repository: Lists, loads and unloads models.
        server_version: The package's, as clients read it.
    """

    def __init__(self, engine: Engine, repository: Repository, server_version: str):
        self._engine = engine
        self._repository = repository
        self._server_version = server_version

    def by_call(self) -> dict[str, Operation]:
        """Every operation, by the name of its call."""
        return {
            "ServerLive": self.server_live,
            "ServerReady": self.server_ready,
            "ModelReady": self.model_ready,
            "ServerMetadata": self.server_metadata,
            "ModelMetadata": self.model_metadata,
            "ModelConfig": self.model_config,
            "ModelStatistics": self.model_statistics,
            "RepositoryIndex": self.repository_index,
            "RepositoryModelLoad": self.load,
            "RepositoryModelUnload": self.unload,
        }

    async def server_live(self, _: Any, __: bytes | None) -> dict[str, Any]:
        return {"live": self._engine.healthy}

    async def server_ready(self, _: Any, __: bytes | None) -> dict[str, Any]:
        return {"ready": self._engine.unready() is None}

    async def model_ready(self, request: Any, _: bytes | None) -> dict[str, Any]:
        """Not ready is no error, whether the model is unknown or still being loaded."""
        try:
            model = self._model(request)
        except (ModelNotServed, Unavailable):
            return {"ready": False}
        return {"ready": self._engine.unready(model.facts.name) is None}

    async def server_metadata(self, _: Any, __: bytes | None) -> dict[str, Any]:
        return {"name": SERVER, "version": self._server_version, "extensions": EXTENSIONS}

    async def model_metadata(self, request: Any, _: bytes | None) -> dict[str, Any]:
        return model_metadata(self._model(request))

    async def model_config(self, request: Any, _: bytes | None) -> dict[str, Any]:
        return {"config": model_config(self._model(request))}

    async def model_statistics(self, request: Any, _: bytes | None) -> dict[str, Any]:
        return self._engine.statistics(request.name or None, request.version or None)

    async def repository_index(self, request: Any, _: bytes | None) -> dict[str, Any]:
        return {"models": await self._repository.index(request.ready)}

    async def load(self, request: Any, authorization: bytes | None) -> dict[str, Any]:
        """Serve the newest version of the store; the one served before answers what it accepted."""
        require_admin_key(self._engine.settings.admin_key, authorization)
        if request.parameters:
            raise InvalidInput(
                "load takes the newest version of the store as it is, without parameters; "
                f"got {', '.join(sorted(request.parameters))}"
            )
        await self._repository.load(request.model_name)
        return {}

    async def unload(self, request: Any, authorization: bytes | None) -> dict[str, Any]:
        """Serve a model no longer, once it has answered what it accepted."""
        require_admin_key(self._engine.settings.admin_key, authorization)
        await self._repository.unload(request.model_name)
        return {}

    def _model(self, request: Any) -> ServedModel:
        return self._engine.model(request.name, request.version or None)
