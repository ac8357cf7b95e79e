/*
 * An SCTP host of the lab: usrsctp over raw sockets, as not every kernel that the tests run on has SCTP.
 *   sctp_peer serve ADDRESS PORT                        takes messages of any size and sends each back
 *   sctp_peer transfer FROM ADDRESS PORT BYTES          sends so many bytes, takes them back, shuts the association down
 * The second prints "same", "different", "refused" (ABORT heard) or what has failed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <usrsctp.h>

#define MESSAGE_BYTES 16000
#define TIMEOUT_S 20
#define PATH_MTU_BYTES 1400 /* fits a tunnel, too: raw sockets hear of no ICMP error */

static socklen_t parse(struct sockaddr_storage *to, const char *address, int port)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)to;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)to;

    memset(to, 0, sizeof *to);
    if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        return sizeof *v4;
    }
    if (inet_pton(AF_INET6, address, &v6->sin6_addr) != 1) {
        fprintf(stderr, "sctp_peer: %s is no address\n", address);
        exit(2);
    }
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons((uint16_t)port);
    return sizeof *v6;
}

static int fail(const char *what)
{
    printf(errno == ECONNREFUSED ? "refused\n" : "%s: %s\n", what, strerror(errno));
    return 1;
}

/* Other processes of the namespace see all SCTP packets, too: none may answer for what is not its own. */
static void start(void)
{
    usrsctp_init(0, NULL, NULL);
    usrsctp_sysctl_set_sctp_blackhole(2);
    usrsctp_sysctl_set_sctp_auto_asconf(0);
    usrsctp_sysctl_set_sctp_init_rto_max_default(3000);
}

static struct socket *bound(const char *address, int port)
{
    struct sockaddr_storage own;
    socklen_t bytes = parse(&own, address, port);
    struct socket *so = usrsctp_socket(own.ss_family, SOCK_STREAM, IPPROTO_SCTP, NULL, NULL, 0, NULL);
    struct sctp_paddrparams path = { .spp_flags = SPP_PMTUD_DISABLE, .spp_pathmtu = PATH_MTU_BYTES };

    if (so == NULL || usrsctp_setsockopt(so, IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, &path, sizeof path) < 0 || usrsctp_bind(so, (struct sockaddr *)&own, bytes) < 0) {
        fail("bind");
        exit(1);
    }
    return so;
}

static ssize_t receive(struct socket *so, void *to, size_t bytes)
{
    struct sockaddr_storage from;
    socklen_t from_bytes = sizeof from, info_bytes = 0;
    unsigned int info = 0;
    int flags = 0;

    return usrsctp_recvv(so, to, bytes, (struct sockaddr *)&from, &from_bytes, NULL, &info_bytes, &info, &flags);
}

static void *echo(void *argument)
{
    struct socket *so = argument;
    static _Thread_local char data[MESSAGE_BYTES];
    ssize_t bytes;

    while ((bytes = receive(so, data, sizeof data)) > 0)
        if (usrsctp_sendv(so, data, (size_t)bytes, NULL, 0, NULL, 0, SCTP_SENDV_NOINFO, 0) < 0)
            break;
    usrsctp_close(so);
    return NULL;
}

static int serve(const char *address, int port)
{
    struct socket *listener = bound(address, port), *so;

    if (usrsctp_listen(listener, 5) < 0)
        return fail("listen");
    printf("ready\n");
    while ((so = usrsctp_accept(listener, NULL, NULL)) != NULL) {
        pthread_t thread;
        pthread_create(&thread, NULL, echo, so);
        pthread_detach(thread);
    }
    return fail("accept");
}

struct sender {
    struct socket *so;
    const char *data;
    size_t bytes;
};

static void *send_all(void *argument)
{
    struct sender *s = argument;

    for (size_t at = 0; at < s->bytes;) {
        size_t part = s->bytes - at < MESSAGE_BYTES ? s->bytes - at : MESSAGE_BYTES;
        ssize_t sent = usrsctp_sendv(s->so, s->data + at, part, NULL, 0, NULL, 0, SCTP_SENDV_NOINFO, 0);
        if (sent <= 0)
            break;
        at += (size_t)sent;
    }
    return NULL;
}

static int transfer(const char *from, const char *address, int port, size_t bytes)
{
    struct sockaddr_storage server;
    socklen_t server_bytes = parse(&server, address, port);
    struct socket *so = bound(from, 0);
    char *data = malloc(bytes), *back = malloc(bytes + MESSAGE_BYTES);
    struct linger linger = { 1, 5 };
    size_t got = 0;
    pthread_t thread;

    if (usrsctp_connect(so, (struct sockaddr *)&server, server_bytes) < 0)
        return fail("connect");
    for (size_t i = 0; i < bytes; i++)
        data[i] = (char)(rand() >> 8);
    struct sender sender = { so, data, bytes };
    pthread_create(&thread, NULL, send_all, &sender);
    while (got < bytes) {
        ssize_t part = receive(so, back + got, MESSAGE_BYTES);
        if (part <= 0)
            return fail("receive");
        got += (size_t)part;
    }
    pthread_join(thread, NULL);
    usrsctp_setsockopt(so, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    usrsctp_close(so);
    printf(memcmp(data, back, bytes) == 0 ? "same\n" : "different\n");
    for (int i = 0; i < 100 && usrsctp_finish() != 0; i++)
        usleep(10000);
    return 0;
}

int main(int count, char **arguments)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    start();
    if (count == 4 && strcmp(arguments[1], "serve") == 0)
        return serve(arguments[2], atoi(arguments[3]));
    if (count == 6 && strcmp(arguments[1], "transfer") == 0) {
        alarm(TIMEOUT_S);
        return transfer(arguments[2], arguments[3], atoi(arguments[4]), (size_t)atol(arguments[5]));
    }
    fprintf(stderr, "sctp_peer serve ADDRESS PORT | transfer FROM ADDRESS PORT BYTES\n");
    return 2;
}
