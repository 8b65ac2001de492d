"""How fast it is here: `python -m gym_bourse`. A random agent, three markets, by the processor's clock."""

import sys
import time

from gym_bourse import MarketEnv

STEPS = 2_000


def main() -> None:
    for seed in range(3):
        env = MarketEnv(seconds=STEPS)
        env.reset(seed=seed)
        env.action_space.seed(seed)
        actions = [env.action_space.sample() for _ in range(STEPS)]
        begun = time.process_time()
        for action in actions:
            env.step(action)
        sys.stdout.write(f"{STEPS / (time.process_time() - begun):,.0f} steps a second\n")


if __name__ == "__main__":
    main()
