def _jupyter_server_extension_points():
    return [{"module": "hub_ext_activity"}]
def _load_jupyter_server_extension(app):
    pass
