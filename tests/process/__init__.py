"""The server as a process: real sockets, real signals, a real disk."""
