"""What can go wrong with an emulated machine."""


class EmulatorError(Exception):
    """The emulated machine could not be started, or does not answer."""


class AddressBusyError(EmulatorError):
    """Another process listens on a port of the machine's address, or of one of its addresses."""

    def __init__(self, address: str, port: int, reason: str) -> None:
        super().__init__(
            f"cannot listen on {address} port {port}: {reason}; choose another "
            "address (any of 127.0.0.0/8), or stop the machine that has it")
        self.address = address
        self.port = port
