"""A futures market to learn in, for gymnasium: one agent against bots, on an exchange of its own in the process."""

try:
    from gym_bourse.environment import MarketEnv
except ModuleNotFoundError as error:
    if str(error.name).partition(".")[0] not in ("trading", "bots", "bourse_client"):
        raise
    raise ImportError(
        "gym_bourse plays on the exchange's own engine: put the folder of the exchange (that has `trading` and `bots`) "
        "and its `clients/python` on the path, see clients/gym_bourse/README.md"
    ) from error

__all__ = ["MarketEnv"]
