"""Which columns a #fields or #aggregation line may name: those of which a table can be made that means something."""

from lark.exceptions import UnexpectedToken

from analyzer.ingest.aggregations import DISTRIBUTIONS
from analyzer.ingest.grammar import Node

# A column's name says what stands in it, in every script and edition.
_NAMES = {
    "time": "ts",
    "ns": "dur oncpu",
    "int": "acq calls cpu frees infault inserts insfails lookups pid pindex rc reader rel tid",
    "addr": "a0 a1 a2 a3 dst freexor held lock locksum lockxor mold object owner page src va",
    "bits": "busy dirty flags moldbusy path prot",
    "str": "caller execname fn kind message name op site",
    "stack": "stack",
}
_KINDS = {name: kind for kind, names in _NAMES.items() for name in names.split()}
_OF_DISTRIBUTIONS = ("low", "high", "count")


def require_columns(directive: Node) -> None:
    """Raise UnexpectedToken, as the parser does, where a name comes twice or its type is another than the name's."""
    if directive.data == "fields":
        columns = [column.children for column in directive.find_data("column")]
        for name, kind in columns:
            if _KINDS.get(name, kind) != kind:
                raise UnexpectedToken(kind, {f"{name}:{_KINDS[name]}"})
        _require_different([name for name, _ in columns], ("line",))
    elif directive.data == "aggregation":
        names = [token for token in directive.children if token.type == "NAME"][1:]
        if _KINDS.get(names[-1]) in ("str", "stack"):
            raise UnexpectedToken(names[-1], {"a last column that counts"})
        _require_different(names, ("line", *(_OF_DISTRIBUTIONS if names[-1] in DISTRIBUTIONS else ())))


def _require_different(names: list, taken: tuple[str, ...]) -> None:
    for place, name in enumerate(names):
        if name in (*taken, *names[:place]):
            raise UnexpectedToken(name, {"a name that no other column has"})
