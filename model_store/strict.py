"""How what comes from outside is parsed: an unknown field or a wrong type is an error."""

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """Parsed without conversions, and not changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
