"""How a page has its browser ask another place for something: each address carries data."""

from __future__ import annotations

# Markup that asks by itself, PLACE for the other place; the name of each is the path that is asked.
MARKUP = {
    "picture": '<img src="PLACE">',
    "srcset": '<img srcset="PLACE 1x">',
    "vector": '<svg><image href="PLACE"/></svg>',
    "video": '<video src="PLACE" preload="auto"></video>',
    "poster": '<video poster="PLACE"></video>',
    "audio": '<audio src="PLACE" preload="auto"></audio>',
    "stylesheet": '<link rel="stylesheet" href="PLACE">',
    "preload-image": '<link rel="preload" as="image" href="PLACE">',
    "preload-fetch": '<link rel="preload" as="fetch" href="PLACE">',
    "preload-font": '<link rel="preload" as="font" href="PLACE" crossorigin>',
    "frame": '<iframe src="PLACE"></iframe>',
    "frame-refresh": """<iframe srcdoc='<meta http-equiv="refresh" content="0; url=PLACE">'></iframe>""",
    "frame-srcdoc": """<iframe srcdoc='<img src="PLACE">'></iframe>""",
    "frame-data": """<iframe src='data:text/html,<img src="PLACE">'></iframe>""",
    "frame-moves": """<iframe src='data:text/html,<script>location = "PLACE"</script>'></iframe>""",
    "object": '<object data="PLACE"></object>',
    "embed": '<embed src="PLACE">',
    "import": '<style>@import url("PLACE");</style>',
    "background": '<p style="background: url(PLACE)">x</p>',
    "font": '<style>@font-face { font-family: x; src: url("PLACE") }</style><p style="font-family: x">x</p>',
}
# The same by a script: bodies of functions.
SCRIPTS = {
    "fetch": "fetch(place, {mode: 'no-cors'})",
    "keepalive": "fetch(place, {mode: 'no-cors', keepalive: true})",
    "request": "const asked = new XMLHttpRequest(); asked.open('GET', place); asked.send()",
    "beacon": "navigator.sendBeacon(place, 'x')",
    "events": "new EventSource(place)",
    "socket": "new WebSocket(place.replace('http', 'ws'))",
    "image": "new Image().src = place",
    "script": "document.body.append(Object.assign(document.createElement('script'), {src: place}))",
    "module": "import(place).catch(() => 0)",
    "worker-import": "new Worker(blob(`importScripts('${place}')`))",
    "worker-fetch": "new Worker(blob(`fetch('${place}', {mode: 'no-cors'})`))",
    "worker-shared": "new SharedWorker(blob(`fetch('${place}', {mode: 'no-cors'})`))",
    "worker-data": "new Worker(`data:text/javascript,fetch('${place}', {mode: 'no-cors'})`)",
    "frame-blob": "document.body.append(Object.assign(document.createElement('iframe'), "
    """{src: blob(`<img src="${place}">`, 'text/html')}))""",
    "form": "sent(place, {x: 'y'})",
}

LEAK = """
const blob = (text, type) => URL.createObjectURL(new Blob([text], {type: type || 'text/javascript'}));
for (const [name, markup] of Object.entries(all_markup)) {
    document.body.insertAdjacentHTML('beforeend', markup.replace('PLACE', `${elsewhere}/${name}?data`));
}
const sent = (address, fields) => {
    const form = document.createElement('form');
    Object.assign(form, {method: 'POST', action: address, target: 'answer'});
    document.body.append(Object.assign(document.createElement('iframe'), {name: 'answer'}), form);
    form.submit();
};
for (const [name, script] of Object.entries(all_scripts)) {
    try { new Function('place', 'blob', 'sent', script)(`${elsewhere}/${name}?data`, blob, sent); } catch { }
}
"""

# Calls from the page and from frames of its own, by way of a server at the UDP port `port`; the name that it
# is told is the data.
CALL = """
const server = {urls: `turn:127.0.0.1:${port}?transport=udp`, username: 'data', credential: 'x'};
const call = async (connection) => {
    connection.createDataChannel('x');
    await connection.setLocalDescription(await connection.createOffer());
};
const inside = document.createElement('iframe');
await new Promise((done) => {
    Object.assign(inside, {onload: done, srcdoc: '<p>x'});
    document.documentElement.append(inside);
});
for (const there of [window, inside.contentWindow]) {
    try {
        await call(new there.RTCPeerConnection({iceServers: [{urls: `stun:127.0.0.1:${port}`}, server]}));
    } catch { }
}
"""
