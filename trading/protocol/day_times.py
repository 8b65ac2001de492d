"""Times of a trading day as `SessionData` tells them: HH:MM:SS, where 24 hours and more are on a later day."""


def day_time(seconds: int) -> str:
    """So many seconds after the day's midnight."""
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def seconds_of(text: str) -> int:
    """So much is a `day_time` after midnight."""
    hours, minutes, seconds = map(int, text.split(":"))
    return hours * 3600 + minutes * 60 + seconds
