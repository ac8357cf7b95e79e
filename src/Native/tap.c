#include "forwarder_native.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int configure(struct ifreq *request, const uint8_t *mac, uint16_t mtu)
{
    int error = 0, control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (control < 0) {
        return -errno;
    }
    memset(&request->ifr_ifru, 0, sizeof(request->ifr_ifru));
    request->ifr_hwaddr.sa_family = ARPHRD_ETHER;
    memcpy(request->ifr_hwaddr.sa_data, mac, 6);
    if (ioctl(control, SIOCSIFHWADDR, request) < 0) {
        error = -errno;
    }
    request->ifr_mtu = mtu;
    if (error == 0 && ioctl(control, SIOCSIFMTU, request) < 0) {
        error = -errno;
    }
    if (error == 0 && ioctl(control, SIOCGIFFLAGS, request) < 0) {
        error = -errno;
    }
    request->ifr_flags |= IFF_UP;
    if (error == 0 && ioctl(control, SIOCSIFFLAGS, request) < 0) {
        error = -errno;
    }
    close(control);
    return error;
}

int32_t fwd_tap_open(const char *name, const uint8_t *mac, uint16_t mtu)
{
    struct ifreq request;
    memset(&request, 0, sizeof(request));
    if (strlen(name) >= sizeof(request.ifr_name)) {
        return -ENAMETOOLONG;
    }
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    strcpy(request.ifr_name, name);
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    int error = ioctl(fd, TUNSETIFF, &request) < 0 ? -errno : configure(&request, mac, mtu);
    if (error != 0) {
        close(fd);
        return error;
    }
    return fd;
}

int32_t fwd_tap_read(int32_t fd, void *frame, uint32_t capacity)
{
    ssize_t length = read(fd, frame, capacity);
    return length < 0 ? -errno : (int32_t)length;
}

int32_t fwd_tap_write(int32_t fd, const void *frame, uint32_t length)
{
    ssize_t written = write(fd, frame, length);
    return written < 0 ? -errno : (int32_t)written;
}

int32_t fwd_tap_multicast(const char *name, uint8_t *macs, uint32_t capacity)
{
    char line[256], device[IFNAMSIZ + 1];
    unsigned int mac[6];
    uint32_t count = 0;
    struct ifreq request;
    memset(&request, 0, sizeof(request));
    strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
    int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int error = control < 0 || ioctl(control, SIOCGIFINDEX, &request) < 0 ? -errno : 0;
    if (control >= 0) {
        close(control);
    }
    if (error != 0) {
        return error;
    }
    /* A line for each: index, name, users, of these global ones, address. */
    FILE *file = fopen("/proc/thread-self/net/dev_mcast", "re");
    if (file == NULL) {
        return -errno;
    }
    while (fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "%*d %16s %*d %*d %2x%2x%2x%2x%2x%2x", device, &mac[0], &mac[1], &mac[2], &mac[3], &mac[4],
                   &mac[5]) != 7 || strcmp(device, name) != 0) {
            continue;
        }
        for (int i = 0; i < 6 && count < capacity; i++) {
            macs[count * 6 + i] = (uint8_t)mac[i];
        }
        count++;
    }
    fclose(file);
    return (int32_t)count;
}
