// A JupyterLab plugin in place of @jupyterlab/hub-extension:connectionlost, which asks anew after every answer
// whether to restart a server that has ended. Here the page is loaded again, once, where the gate says that it
// should be: its answer to any request then has the header X-Hub-Ext-Reload, and its answer to the page says why
// there is no server. Without that header the connection was lost on the way, and JupyterLab's own dialog says so.
//
// Written as a container of Module Federation, so that it needs no build. JupyterLab reads it as it reads others.
(() => {
  'use strict';

  const RELOAD = 'X-Hub-Ext-Reload';
  let scope;

  // The page's own copy of a package: its tokens are those by which plugins find one another.
  const shared = async name => (await Object.values(scope[name])[0].get())();

  const plugin = ({ ConnectionLost, IConnectionLost, JupyterLab }) => ({
    id: 'hub-ext:connectionlost',
    description: 'Leaves the page of a server that has ended.',
    autoStart: true,
    provides: IConnectionLost,
    optional: [JupyterLab.IInfo],
    activate: (app, info) => {
      let left = false;
      return async (manager, error, translator) => {
        if (left) {
          return;
        }
        if (!error.response || !error.response.headers.has(RELOAD)) {
          return ConnectionLost(manager, error, translator);
        }
        left = true;
        // Somebody who stays for what was not saved is not asked again: polls and automatic saving rest.
        if (info) {
          info.isConnected = false;
        }
        window.location.reload();
      };
    }
  });

  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB['hub-ext'] = {
    init: sharedScope => {
      scope = sharedScope;
    },
    get: async () => {
      const module = { __esModule: true, default: plugin(await shared('@jupyterlab/application')) };
      return () => module;
    }
  };
})();
