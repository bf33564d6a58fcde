def kind(value):
    match value:
        case [first, *_]:
            return first
        case _:
            return None
