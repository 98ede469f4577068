// Two JupyterLab plugins that know the gate, which stands before every server.
//
// Written as a container of Module Federation, so that it needs no build. JupyterLab reads it as it reads others.
(() => {
  'use strict';

  const RELOAD = 'X-Hub-Ext-Reload';
  const ASK_SECONDS = 60;
  const WORDS = {
    en: { session: 'This Session', category: 'Hub', about: 'About this server:' },
    fr: { session: 'Cette session', category: 'Hub', about: 'À propos de ce serveur :' }
  };
  let scope;

  // The page's own copy of a package: its tokens are those by which plugins find one another.
  const shared = async name => (await Object.values(scope[name])[0].get())();

  // In place of @jupyterlab/hub-extension:connectionlost, which asks anew after every answer whether to restart a
  // server that has ended. Here the page is loaded again, once, where the gate says that it should be: its answer to
  // any request then has the header X-Hub-Ext-Reload, and its answer to the page says why there is no server. Without
  // that header the connection was lost on the way, and JupyterLab's own dialog says so.
  const connectionLost = ({ ConnectionLost, IConnectionLost, JupyterLab }) => ({
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

  // What stands about this server, asked of the gate once a minute while the page is seen. Asking is no use of it.
  class Warnings {
    constructor(notification, address, about, isConnected) {
      this.notification = notification;
      this.address = address;
      this.about = about;
      this.isConnected = isConnected;
      this.shown = new Map(); // notifications by what they warn of; also those that were dismissed
    }

    async ask() {
      if (document.hidden || !this.isConnected()) {
        return;
      }
      try {
        const answer = await fetch(this.address, { cache: 'no-store', headers: { Accept: 'application/json' } });
        if (answer.ok) {
          this.show(await answer.json());
        }
      } catch {
        // Lost on the way: JupyterLab says so by itself.
      }
    }

    show(session) {
      const standing = new Map(session.warnings.map(each => [`${each.kind} ${each.at}`, each]));
      for (const [key, id] of this.shown) {
        if (!standing.has(key)) {
          this.notification.dismiss(id);
          this.shown.delete(key);
        }
      }
      for (const [key, warning] of standing) {
        if (!this.shown.has(key)) {
          const more = warning.kind === 'stop' && session.more_time;
          const actions = more ? [{ label: more.label, callback: () => void this.askMoreTime(more) }] : [];
          // Sentences of a page about one server say "it".
          const text = ['stop', 'end'].includes(warning.kind) ? `${this.about} ${warning.text}` : warning.text;
          this.shown.set(key, this.notification.warning(text, { autoClose: false, actions }));
        }
      }
    }

    async askMoreTime(more) {
      const answer = await fetch(more.address, {
        method: 'POST',
        headers: { Accept: 'application/json' },
        body: new URLSearchParams({ token: more.token })
      });
      const said = await answer.json();
      if (answer.ok) {
        this.show(said);
      } else {
        this.notification.error(said.message, { autoClose: false });
      }
    }
  }

  const session = (application, { Notification, ICommandPalette }, { IMainMenu }, { ITranslator }, { PageConfig }) => ({
    id: 'hub-ext:session',
    description: 'Warns before the server is stopped, and leads to the page of the session.',
    autoStart: true,
    optional: [ITranslator, IMainMenu, ICommandPalette, application.JupyterLab.IInfo],
    activate: (app, translator, menu, palette, info) => {
      const code = ((translator && translator.languageCode) || 'en').slice(0, 2);
      const language = code in WORDS ? code : 'en';
      const own = `${PageConfig.getBaseUrl()}_hub-ext/`;
      const command = 'hub-ext:session';
      app.commands.addCommand(command, {
        label: WORDS[language].session,
        execute: () => void window.open(`${own}?language=${language}`, '_blank', 'noopener')
      });
      if (menu) {
        menu.fileMenu.addGroup([{ command }], 299);
      }
      if (palette) {
        palette.addItem({ command, category: WORDS[language].category });
      }
      const isConnected = () => !info || info.isConnected;
      const address = `${own}session?language=${language}`;
      const warnings = new Warnings(Notification, address, WORDS[language].about, isConnected);
      const ask = () => void warnings.ask();
      void app.restored.then(() => {
        ask();
        setInterval(ask, ASK_SECONDS * 1000);
        document.addEventListener('visibilitychange', ask);
      });
    }
  });

  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB['hub-ext'] = {
    init: sharedScope => {
      scope = sharedScope;
    },
    get: async () => {
      const [application, ...ofSession] = await Promise.all(
        ['application', 'apputils', 'mainmenu', 'translation', 'coreutils'].map(name => shared(`@jupyterlab/${name}`))
      );
      const module = { __esModule: true, default: [connectionLost(application), session(application, ...ofSession)] };
      return () => module;
    }
  };
})();
