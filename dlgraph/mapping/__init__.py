"""How a layer graph becomes cores and streams; nothing here touches a machine."""
