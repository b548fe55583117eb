/* Addresses as text: their grammar, and the text of a socket address. */
#include <framed/address.h>

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define FORMS                                                                                      \
    "tcp:HOST:PORT, tcp:[IPV6]:PORT, tcp:*:PORT, unix:PATH[,mode=,user=,group=], unix:@NAME"
#define DEFAULT_MODE 0660

/* Where a message about TEXT goes. */
struct complaint {
    const char *text;
    char *error;
    size_t size;
};

__attribute__((format(printf, 2, 3))) static int refuse(const struct complaint *complaint,
                                                        const char *format, ...)
{
    char why[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(why, sizeof(why), format, arguments);
    va_end(arguments);
    snprintf(complaint->error, complaint->size, "address \"%.160s\": %s", complaint->text, why);
    return -EINVAL;
}

static bool skip_prefix(const char **text, const char *prefix)
{
    size_t length = strlen(prefix);

    if (strncmp(*text, prefix, length) != 0)
        return false;
    *text += length;
    return true;
}

static int parse_port(const char *text, const struct complaint *complaint, uint16_t *port)
{
    unsigned long value = 0;
    size_t digits = strspn(text, "0123456789");

    for (size_t i = 0; i < digits && value <= UINT16_MAX; i++)
        value = value * 10 + (unsigned long)(text[i] - '0');
    if (digits == 0 || text[digits] || value > UINT16_MAX)
        return refuse(complaint, "bad port \"%.40s\", allowed: 0 to 65535", text);
    *port = (uint16_t)value;
    return 0;
}

/* "[::1]:PORT": TEXT is behind the bracket. The zone of a link-local address may follow a "%". */
static int parse_bracketed(const char *text, const struct complaint *complaint,
                           struct framed_address *address)
{
    const char *end = strchr(text, ']');
    size_t length = end ? (size_t)(end - text) : 0;
    struct in6_addr binary;
    char number[INET6_ADDRSTRLEN];
    size_t zone = strcspn(text, "%]");

    if (!end)
        return refuse(complaint, "no \"]\" after \"[\"");
    if (zone < sizeof(number)) {
        memcpy(number, text, zone);
        number[zone] = '\0';
    }
    if (zone >= sizeof(number) || length >= sizeof(address->host) ||
        inet_pton(AF_INET6, number, &binary) != 1)
        return refuse(complaint, "\"%.*s\" is no IPv6 address, and only these stand in brackets",
                      (int)(length < 64 ? length : 64), text);
    if (end[1] != ':')
        return refuse(complaint, "no port, allowed: tcp:[IPV6]:PORT");
    memcpy(address->host, text, length);
    return parse_port(end + 2, complaint, &address->port);
}

static int check_host(const char *host, size_t length, const struct complaint *complaint)
{
    if (length == 0)
        return refuse(complaint, "no host, allowed: a name, a number, or * for every address");
    if (memchr(host, ':', length))
        return refuse(complaint, "IPv6 addresses stand in brackets: tcp:[IPV6]:PORT");
    if (length >= sizeof(((struct framed_address *)0)->host))
        return refuse(complaint, "the host has %zu characters, allowed: %zu", length,
                      sizeof(((struct framed_address *)0)->host) - 1);
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)host[i]) && !strchr("-._", host[i]))
            return refuse(complaint,
                          "bad character '%c' in the host, allowed: letters, digits, - . _",
                          isprint((unsigned char)host[i]) ? host[i] : '?');
    return 0;
}

static int parse_tcp(const char *text, const struct complaint *complaint,
                     struct framed_address *address)
{
    const char *colon = strrchr(text, ':');
    size_t length;
    int result;

    address->kind = FRAMED_ADDRESS_TCP;
    if (*text == '[')
        return parse_bracketed(text + 1, complaint, address);
    if (!colon)
        return refuse(complaint, "no port, allowed: tcp:HOST:PORT");
    length = (size_t)(colon - text);
    if (length != 1 || *text != '*') {
        result = check_host(text, length, complaint);
        if (result < 0)
            return result;
        memcpy(address->host, text, length);
    }
    return parse_port(colon + 1, complaint, &address->port);
}

static int parse_mode(const char *value, size_t length, const struct complaint *complaint,
                      struct framed_address *address)
{
    mode_t mode = 0;

    for (size_t i = 0; i < length; i++) {
        if (value[i] < '0' || value[i] > '7' || mode > 0777)
            length = 0;
        mode = mode * 8 + (mode_t)(value[i] - '0');
    }
    if (length == 0 || mode > 0777)
        return refuse(complaint, "bad mode, allowed: octal, 0 to 0777");
    address->mode = mode;
    return 0;
}

static int parse_name(const char *what, const char *value, size_t length,
                      const struct complaint *complaint, char name[64])
{
    if (length == 0 || length >= 64)
        return refuse(complaint, "the %s has %zu characters, allowed: 1 to 63", what, length);
    memcpy(name, value, length);
    return 0;
}

static int parse_user(const char *value, size_t length, const struct complaint *complaint,
                      struct framed_address *address)
{
    return parse_name("user", value, length, complaint, address->user);
}

static int parse_group(const char *value, size_t length, const struct complaint *complaint,
                       struct framed_address *address)
{
    return parse_name("group", value, length, complaint, address->group);
}

static const struct option {
    const char *name;
    int (*parse)(const char *value, size_t length, const struct complaint *complaint,
                 struct framed_address *address);
} options[] = {{"mode=", parse_mode}, {"user=", parse_user}, {"group=", parse_group}};

/* No two of the names begin alike: the first letter says which one was meant. */
static int refuse_option(const char *text, size_t length, const struct complaint *complaint)
{
    const char *meant = NULL;

    for (size_t i = 0; i < COUNT(options); i++)
        if (length > 0 && tolower((unsigned char)*text) == options[i].name[0])
            meant = options[i].name;
    return refuse(complaint, "unknown option \"%.*s\"%s%s%s, allowed: mode=, user=, group=",
                  (int)(length < 64 ? length : 64), text, meant ? ", did you mean \"" : "",
                  meant ? meant : "", meant ? "\"?" : "");
}

/* TEXT begins with the comma before the first option, or is empty. */
static int parse_options(const char *text, const struct complaint *complaint,
                         struct framed_address *address)
{
    unsigned given = 0;

    while (*text) {
        size_t length = strcspn(++text, ",");
        size_t i = 0;
        size_t name;
        int result;

        while (i < COUNT(options) && strncmp(text, options[i].name, strlen(options[i].name)) != 0)
            i++;
        if (i == COUNT(options))
            return refuse_option(text, length, complaint);
        name = strlen(options[i].name);
        if (given & 1U << i)
            return refuse(complaint, "%s is given twice", options[i].name);
        given |= 1U << i;
        result = options[i].parse(text + name, length - name, complaint, address);
        if (result < 0)
            return result;
        text += length;
    }
    if (given && address->abstract)
        return refuse(complaint, "an abstract socket is no file: no mode=, user= or group=");
    return 0;
}

static int parse_unix(const char *text, const struct complaint *complaint,
                      struct framed_address *address)
{
    size_t length;

    address->kind = FRAMED_ADDRESS_UNIX;
    address->mode = DEFAULT_MODE;
    address->abstract = *text == '@';
    text += address->abstract;
    length = strcspn(text, ",");
    if (length == 0)
        return refuse(complaint, "no path, allowed: unix:PATH, unix:@NAME");
    if (length >= sizeof(address->path))
        return refuse(complaint, "the path has %zu bytes, allowed: %zu", length,
                      sizeof(address->path) - 1);
    memcpy(address->path, text, length);
    return parse_options(text + length, complaint, address);
}

int framed_address_parse(const char *text, struct framed_address *address, char *error, size_t size)
{
    const struct complaint complaint = {text, error, size};
    struct framed_address parsed = {0};
    int result;

    if (skip_prefix(&text, "tcp:"))
        result = parse_tcp(text, &complaint, &parsed);
    else if (skip_prefix(&text, "unix:"))
        result = parse_unix(text, &complaint, &parsed);
    else
        result = refuse(&complaint, "neither tcp: nor unix:, allowed: " FORMS);
    if (result == 0)
        *address = parsed;
    return result;
}

static void format_ipv4(const struct in_addr *host, in_port_t port, char *text, size_t size)
{
    char number[INET_ADDRSTRLEN];

    inet_ntop(AF_INET, host, number, sizeof(number));
    snprintf(text, size, "tcp:%s:%u", number, ntohs(port));
}

static void format_ipv6(const struct sockaddr_in6 *in6, char *text, size_t size)
{
    char number[INET6_ADDRSTRLEN];
    char zone[16] = "";
    struct in_addr mapped;

    if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
        memcpy(&mapped, &in6->sin6_addr.s6_addr[12], sizeof(mapped));
        format_ipv4(&mapped, in6->sin6_port, text, size);
        return;
    }
    inet_ntop(AF_INET6, &in6->sin6_addr, number, sizeof(number));
    if (in6->sin6_scope_id)
        snprintf(zone, sizeof(zone), "%%%u", in6->sin6_scope_id);
    snprintf(text, size, "tcp:[%s%s]:%u", number, zone, ntohs(in6->sin6_port));
}

/* An abstract name may hold any bytes; those that would spoil a line are written as "?". */
static void format_unix(const struct sockaddr_un *un, size_t length, char *text, size_t size)
{
    char name[sizeof(un->sun_path) + 2] = "";
    size_t bytes = length - offsetof(struct sockaddr_un, sun_path);
    bool abstract = bytes > 0 && un->sun_path[0] == '\0';

    if (abstract)
        name[0] = '@';
    else
        bytes = strnlen(un->sun_path, bytes);
    for (size_t i = abstract; i < bytes; i++)
        name[i] = isprint((unsigned char)un->sun_path[i]) ? un->sun_path[i] : '?';
    snprintf(text, size, "unix:%s", name);
}

void framed_address_format(const struct sockaddr *address, socklen_t length, char *text,
                           size_t size)
{
    /* A copy, so that nothing is read behind LENGTH, at whatever alignment ADDRESS lies. */
    union {
        struct sockaddr_storage storage;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
    } name = {0};

    if (length > sizeof(name))
        length = sizeof(name);
    memcpy(&name, address, length);
    switch (name.storage.ss_family) {
    case AF_INET:
        format_ipv4(&name.in.sin_addr, name.in.sin_port, text, size);
        break;
    case AF_INET6:
        format_ipv6(&name.in6, text, size);
        break;
    case AF_UNIX:
        format_unix(&name.un, length < sizeof(name.un) ? length : sizeof(name.un), text, size);
        break;
    default: /* what accept(2) leaves of a peer that it cannot tell */
        snprintf(text, size, "unknown");
        break;
    }
}
