"""A store that is only read: what `file://` names, and the base of remote ones."""

from typing import TYPE_CHECKING, NoReturn

from model_store.errors import StoreNotWritable
from model_store.store import Store

if TYPE_CHECKING:
    from networks.weights import AnyWeights


class ReadOnlyStore(Store):
    """
    Models in a folder that nobody changes from here.

    Attributes:
        where: The store's name in messages.
    """

    @property
    def where(self) -> str:
        return f"file://{self.root}"

    def publish(self, name: str, weights: "AnyWeights", **manifest_fields: object) -> NoReturn:
        """
        Refuse.

        Raises:
            StoreNotWritable: Always.
        """
        self.refuse()

    def remove(self, name: str, version: int | None = None) -> NoReturn:
        """
        Refuse.

        Raises:
            StoreNotWritable: Always.
        """
        self.refuse()

    def refuse(self) -> NoReturn:
        """
        Say that nothing is written here.

        Raises:
            StoreNotWritable: Always.
        """
        raise StoreNotWritable(
            f"the store {self.where} is read only: publish into a folder, and copy that there"
        )
