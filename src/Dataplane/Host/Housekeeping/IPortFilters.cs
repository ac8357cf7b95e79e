namespace Forwarder.Dataplane;

/// <summary>The receive filters that ports have, by index of the port. Results are 0 or -errno.</summary>
public unsafe interface IPortFilters
{
    /// <summary>The driver has no such thing.</summary>
    const int NotSupported = -95;

    /// <summary>Sets the list of multicast addresses, 6 bytes each.</summary>
    int SetMulticast(int port, byte* macs, int count);

    /// <summary>Takes all multicast, or not.</summary>
    int SetAllMulticast(int port, bool on);

    /// <summary>Takes all frames, or not.</summary>
    int SetPromiscuous(int port, bool on);

    /// <summary>Takes frames to one more unicast address (first byte lowest).</summary>
    int AddMac(int port, ulong mac);

    /// <summary>Not any more.</summary>
    int RemoveMac(int port, ulong mac);

    /// <summary>Multicast addresses that the host behind the exception port wants; returns how many, which may be more than fit, 0 if there is no exception port.</summary>
    int HostMulticast(int port, byte* macs, int capacity);
}
