"""The gate: the authoriser that the front asks before a byte reaches a notebook server.

The front asks `/check` for each request, hands what may not pass to `/answer`, and sends WebSockets through
the gate's relay. All three ask one `Judge`.
"""
