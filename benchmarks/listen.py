"""Listens on HOST:PORT and does nothing else: the least that an instance can be."""

import os
import socket
import threading

server = socket.create_server((os.environ["HOST"], int(os.environ["PORT"])), backlog=16)
threading.Event().wait()
