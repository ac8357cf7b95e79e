using Forwarder.Abi;

namespace Forwarder.Dataplane;

/// <summary>
/// Tells the ports which multicast frames the director needs, so that a card's filter keeps the rest away: all-nodes and the
/// solicited-node address of each local IPv6 address (RFC 4291 section 2.7.1, as Ethernet addresses RFC 2464 section 7).
/// A port with an exception port takes all of them: the host's kernel may join any group. Allocates only when made.
/// </summary>
public sealed unsafe class MulticastFilters
{
    /// <summary>More than this, and a port takes all multicast: filters of cards are small.</summary>
    private const int AddressesMax = 128;

    private const int AddressBytes = 6;

    private readonly Native _native;
    private readonly DataplanePort[] _ports;
    private readonly string[] _names;
    private readonly Log _log;
    private readonly string[] _modes = ["by filter", "all", "all, promiscuous: the port has no other way"];
    private readonly int[] _mode;
    private readonly byte[] _wanted = GC.AllocateArray<byte>(AddressesMax * AddressBytes, pinned: true);
    private readonly byte[] _current = GC.AllocateArray<byte>(AddressesMax * AddressBytes, pinned: true);
    private int _currentCount = -1;

    public MulticastFilters(Native native, DataplanePort[] ports, string[] names, Log log)
    {
        (_native, _ports, _names, _log) = (native, ports, names, log);
        _mode = new int[ports.Length];
        Array.Fill(_mode, -1);
    }

    /// <summary>Sets the filters where this snapshot needs others than the last one. Call it before workers can see the snapshot.</summary>
    public void SetSnapshot(in SnapshotView view)
    {
        int count = Collect(view);
        int bytes = Math.Min(count, AddressesMax) * AddressBytes;
        if (count == _currentCount && _wanted.AsSpan(0, bytes).SequenceEqual(_current.AsSpan(0, bytes)))
        {
            return;
        }

        _wanted.AsSpan(0, bytes).CopyTo(_current);
        _currentCount = count;
        for (int port = 0; port < _ports.Length; port++)
        {
            Set(port);
        }
    }

    private void Set(int port)
    {
        bool all = _currentCount > AddressesMax || _ports[port].Tap >= 0;
        int mode;
        fixed (byte* list = _current)
        {
            mode = _native.PortSetMulticast(_ports[port].Number, all ? null : list, all ? 0 : (uint)_currentCount);
        }

        if (mode == _mode[port])
        {
            return;
        }

        _mode[port] = mode;
        if (mode < 0)
        {
            _log.Write($"forwarder-dataplane: port {_names[port]}: multicast reception cannot be set, errno {(ulong)-mode}: IPv6 neighbours may not find the director.\n");
        }
        else
        {
            _log.Write($"forwarder-dataplane: port {_names[port]}: receives multicast: {_modes[mode]}.\n");
        }
    }

    /// <summary>Puts the addresses into the list, each once; returns how many, or one more than fit.</summary>
    private int Collect(in SnapshotView view)
    {
        ReadOnlySpan<byte> allNodes = [0x33, 0x33, 0, 0, 0, 1];
        allNodes.CopyTo(_wanted);
        int count = 1;
        for (int i = 0; i < 1 << view.LocalAddresses6Log2 && count <= AddressesMax; i++)
        {
            if (view.LocalAddresses6[i].Kind != LocalAddressKind.None)
            {
                count = Add((uint)(view.LocalAddresses6[i].Low >> 40), count);
            }
        }

        return count;
    }

    /// <summary>Adds the solicited-node address of an address whose last three bytes are these, first byte lowest.</summary>
    private int Add(uint last3, int count)
    {
        ReadOnlySpan<byte> address = [0x33, 0x33, 0xFF, (byte)last3, (byte)(last3 >> 8), (byte)(last3 >> 16)];
        for (int i = 1; i < count; i++)
        {
            if (_wanted.AsSpan(i * AddressBytes, AddressBytes).SequenceEqual(address))
            {
                return count;
            }
        }

        if (count < AddressesMax)
        {
            address.CopyTo(_wanted.AsSpan(count * AddressBytes));
        }

        return count + 1;
    }
}
