// Headers of answers under /user/. What a container answers is written by whoever has the server, so a list of
// headers passes and nothing else does; ours are set on every answer.

const PASSING = [
    'accept-ranges', 'allow', 'cache-control', 'content-disposition', 'content-encoding', 'content-language',
    'content-length', 'content-range', 'content-security-policy', 'content-type', 'date', 'etag', 'expires',
    'last-modified', 'location', 'pragma', 'referrer-policy', 'retry-after', 'set-cookie', 'vary',
    'x-content-type-options',
];

const COOKIE_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const COOKIE_VALUE = /^[\x20-\x7e]*$/;
// Those of the Hub and of ours, and those whose names promise what only their host could say.
const RESERVED_COOKIE = /^(jupyterhub-|hub-ext-|__host-|__secure-)/i;

const HOST = /^[A-Za-z0-9.\-]+(:\d+)?$|^\[[0-9A-Fa-f:.]+\](:\d+)?$/;
const DIRECTIVE = /^[a-z\-]+( [\x21-\x7e]+)*$/;
const REPORTING = /^report-(uri|to)( |$)/;

// What is done with an answer grows with the square of its headers, and all servers wait for it.
const MOST_HEADERS = 100;
const MOST_LETTERS = 32768; // of all values together
const MOST_POLICY_LETTERS = 4096;

// No content security policy keeps a page from calls by WebRTC, which say to any address what a page wants them to.
// Chromium heeds this header against them; everything else is left to the policy.
const NO_CALLS = '("*://*:*/*");webrtc=block;redirects=allow';

// JupyterLab names its files, and those of its extensions, after a hash of what is in them.
const HASHED_FILE = /^(static|lab\/extensions)\/([\w@.\-]+\/)*([\w.\-]*[._\-])?[0-9a-f]{16,64}\.[a-z0-9]+$/;

// The answer of a container. A thrown error closes the connection.
function container(r) {
    // nginx would pass on what follows a 103 as raw bytes, and so it does with what has no status line (HTTP/0.9): a
    // browser reads an answer with any headers in them.
    if (r.status < 200 || r.httpVersion == '0.9') {
        throw new Error('no answer of HTTP/1.1');
    }
    checkSize(r);
    const out = r.headersOut;
    const prefix = r.variables.gate_prefix || '';
    const stripped = (r.variables.gate_forwarded_prefix || '') != '';
    const cookies = many(out['Set-Cookie']).map((line) => cookie(line, prefix, stripped))
        .filter((line) => line != '');
    const policies = restrictions(many(out['Content-Security-Policy']).join(','));
    const stricter_referrer = many(out['Referrer-Policy']).join(',').trim().toLowerCase() == 'no-referrer';

    names(out).filter((name) => PASSING.indexOf(name.toLowerCase()) < 0).forEach((name) => {
        delete out[name];
    });
    delete out['Set-Cookie'];
    if (cookies.length > 0) {
        out['Set-Cookie'] = cookies;
    }
    if (stripped && out['Location']) {
        out['Location'] = location(out['Location'], prefix, r.variables.http_host || '');
    }
    setOurs(r, stricter_referrer);
    out['Content-Security-Policy'] = [policy(r)].concat(policies).join(', ');
    if (!stripped && r.status == 200 && isHashedFile(r.variables.request_uri, prefix)) {
        delete out['Expires'];
        delete out['Pragma'];
        out['Cache-Control'] = 'private, max-age=31536000, immutable';
    }
}

// Throws for an answer whose headers are more, or longer, than any application's.
function checkSize(r) {
    const headers = r.rawHeadersOut;
    if (headers.length > MOST_HEADERS) {
        throw new Error('too many headers');
    }
    const letters = (pairs) => pairs.reduce((sum, pair) => sum + pair[1].length, 0);
    const policies = headers.filter((pair) => pair[0].toLowerCase() == 'content-security-policy');
    if (letters(headers) > MOST_LETTERS || letters(policies) > MOST_POLICY_LETTERS) {
        throw new Error('headers too long');
    }
}

// How many bytes of headers a client sent, as they are kept.
function bytesIn(r) {
    return String(r.rawHeadersIn.reduce((sum, pair) => sum + pair[0].length + pair[1].length, 0));
}

// The answer of the gate, which is ours and says by itself what differs.
function gate(r) {
    const missing = many(r.headersOut['Content-Security-Policy']).length == 0;
    if (r.status == 101) {
        return;
    }
    setOurs(r, many(r.headersOut['Referrer-Policy']).join(',') == 'no-referrer');
    if (missing) {
        r.headersOut['Content-Security-Policy'] = policy(r);
    }
}

function setOurs(r, stricter_referrer) {
    r.headersOut['X-Content-Type-Options'] = 'nosniff';
    r.headersOut['Referrer-Policy'] = stricter_referrer ? 'no-referrer' : 'same-origin';
    r.headersOut['X-DNS-Prefetch-Control'] = 'off';
    r.headersOut['Cross-Origin-Opener-Policy'] = 'same-origin';
    r.headersOut['Cross-Origin-Resource-Policy'] = 'same-origin';
    r.headersOut['Connection-Allowlist'] = NO_CALLS;
}

// A page speaks to its own origin alone. Notebooks, widgets and JupyterLab's own code need inline scripts, eval,
// and blob: and data: addresses, none of which leaves the browser.
function policy(r) {
    const host = HOST.test(r.variables.http_host || '') ? r.variables.http_host : '';
    const sockets = host ? ` ws://${host} wss://${host}` : '';
    return [
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob: data:",
        "style-src 'self' 'unsafe-inline' blob: data:",
        "img-src 'self' blob: data:",
        "media-src 'self' blob: data:",
        "font-src 'self' blob: data:",
        "connect-src 'self' blob: data:" + sockets,
        "frame-src 'self' blob: data:",
        "worker-src 'self' blob: data:",
        "object-src 'self' blob: data:",
        "form-action 'self'",
        "base-uri 'self'",
        "frame-ancestors 'self'",
    ].join('; ');
}

// A container's own policies, which can only restrict beside ours; none of them may report to anybody.
function restrictions(text) {
    return text.split(',').map((one) => one.split(';')
        .map((directive) => directive.trim().replace(/[ \t]+/g, ' '))
        .map((directive) => directive.replace(/^[^ ]+/, (name) => name.toLowerCase()))
        .filter((directive) => DIRECTIVE.test(directive) && !REPORTING.test(directive))
        .join('; ')).filter((one) => one != '');
}

// Where a server that takes itself to lie at "/" sends a browser: below its prefix. It may have the prefix from
// X-Forwarded-Prefix already, and it may name its own origin by the request's Host. Other origins stay.
function location(value, prefix, host) {
    const start = /^https?:\/\//i.exec(value);
    if (start) {
        const named = value.slice(start[0].length);
        const rest = named.slice(host.length);
        const own = host != '' && named.slice(0, host.length).toLowerCase() == host.toLowerCase()
            && /^$|^[/?#]/.test(rest);
        return own ? belowPrefix(rest.startsWith('/') ? rest : `/${rest}`, prefix) : value;
    }
    return value.startsWith('/') && !value.startsWith('//') ? belowPrefix(value, prefix) : value;
}

function belowPrefix(path, prefix) {
    return path.startsWith(prefix) ? path : prefix + path.slice(1);
}

// A cookie bound to the server's own path, or '' for one that does not pass.
function cookie(line, prefix, stripped) {
    const parts = line.split(';').map((part) => part.trim());
    const equals = parts[0].indexOf('=');
    const name = parts[0].slice(0, equals).trim();
    const value = parts[0].slice(equals + 1).trim();
    // One without a name could be sent back as any other: "=jupyterhub-session-id=…".
    if (equals < 1 || !COOKIE_NAME.test(name) || !COOKIE_VALUE.test(value) || RESERVED_COOKIE.test(name)) {
        return '';
    }
    if (prefix == '') {
        return '';
    }
    const attributes = {};
    parts.slice(1).forEach((part) => {
        const at = part.indexOf('=');
        const attribute = (at < 0 ? part : part.slice(0, at)).trim().toLowerCase();
        attributes[attribute] = at < 0 ? '' : part.slice(at + 1).trim();
    });
    const stated = attributes['path'] || '';
    const path = stripped && stated.startsWith('/') ? belowPrefix(stated, prefix) : stated;
    const below = path.startsWith(prefix) && COOKIE_VALUE.test(path);
    // Jupyter has one for each path; another server's would switch this one's check to a value of its choice.
    if (name.toLowerCase() == '_xsrf' && !below) {
        return '';
    }
    const kept = [`${name}=${value}`, `Path=${below ? path : prefix}`];
    const expires = attributes['expires'] || '';
    if (expires != '' && COOKIE_VALUE.test(expires)) {
        kept.push(`Expires=${expires}`);
    }
    if (/^-?\d+$/.test(attributes['max-age'] || '')) {
        kept.push(`Max-Age=${attributes['max-age']}`);
    }
    if ('secure' in attributes) {
        kept.push('Secure');
    }
    if ('httponly' in attributes) {
        kept.push('HttpOnly');
    }
    kept.push((attributes['samesite'] || '').toLowerCase() == 'strict' ? 'SameSite=Strict' : 'SameSite=Lax');
    return kept.join('; ');
}

function isHashedFile(uri, prefix) {
    const path = uri.split('?')[0];
    return prefix != '' && path.startsWith(prefix) && path.indexOf('..') < 0
        && HASHED_FILE.test(path.slice(prefix.length));
}

// The values of a header that may be there several times.
function many(value) {
    return value === undefined ? [] : [].concat(value);
}

function names(headers) {
    const found = [];
    for (const name in headers) {
        found.push(name);
    }
    return found;
}

export default {bytesIn, container, gate};
