using Forwarder.Abi;

namespace Forwarder.Dataplane;

/// <summary>
/// Tells the ports which frames the director needs beside those to their own address, so that a card's filter keeps the rest
/// away. Multicast: all-nodes and the solicited-node address of each local IPv6 address (RFC 4291 section 2.7.1, RFC 2464
/// section 7), the groups of VRRP, and what the host behind an exception port has joined; by the port's list, else all
/// multicast, else promiscuous. Virtual router MAC addresses: as further addresses of the port, else promiscuous. What is not
/// needed any more is taken out. Allocates only when made.
/// </summary>
public sealed unsafe class PortFilters
{
    private const int AddressBytes = 6, ModeShift = 48;
    private const ulong MacMask = (1UL << ModeShift) - 1;

    // First byte lowest: 33-33-00-00-00-01, 01-00-5E-00-00-12 (224.0.0.18), 33-33-00-00-00-12 (ff02::12).
    private const ulong AllNodes = 0x0100_0000_3333, Vrrp4 = 0x1200_005E_0001, Vrrp6 = 0x1200_0000_3333, SolicitedNode = 0xFF_3333;

    private readonly IPortFilters _ports;
    private readonly Region _region;
    private readonly string[] _names;
    private readonly bool[] _promiscuous;
    private readonly Log? _log;
    private readonly string[] _modes = ["not at all", "by filter", "all", "all, promiscuous", "all: the port does not filter", "cannot be set"];
    private readonly ulong[][] _common, _wanted;
    private readonly int[] _commonCount;
    private readonly ulong[] _wantedMacs = new ulong[Limits.PortVirtualMacsMax];
    private readonly byte[] _list = GC.AllocateArray<byte>(Limits.PortMulticastMax * AddressBytes, pinned: true);

    /// <summary>For so many ports as there are names; of these some are promiscuous for good. No log, no lines.</summary>
    public PortFilters(IPortFilters ports, Region region, string[] names, bool[] promiscuous, Log? log)
    {
        (_ports, _region, _names, _promiscuous, _log) = (ports, region, names, promiscuous, log);
        _common = [.. names.Select(_ => new ulong[Limits.PortMulticastMax])];
        _wanted = [.. names.Select(_ => new ulong[Limits.PortMulticastMax])];
        _commonCount = [.. names.Select(_ => -1)];
    }

    /// <summary>Sets the filters where this snapshot needs others than the last one. Call it before workers can see the snapshot.</summary>
    public void SetSnapshot(in SnapshotView view)
    {
        for (int port = 0; port < _names.Length; port++)
        {
            _commonCount[port] = CollectMulticast(view, port);
            bool changed = SetVirtualMacs(view, port);
            Update(port, changed);
        }
    }

    /// <summary>Follows the groups that the host behind an exception port joins and leaves.</summary>
    public void Poll()
    {
        for (int port = 0; port < _names.Length; port++)
        {
            if (_commonCount[port] >= 0)
            {
                Update(port, force: false);
            }
        }
    }

    /// <summary>Makes the port's list of multicast addresses, and puts it in force if it is another one.</summary>
    private void Update(int port, bool force)
    {
        ref PortBlock block = ref _region.Port(port);
        int count = AddHostGroups(port, _commonCount[port]);
        bool same = block.MulticastMode != PortFilterMode.None && count == (int)block.MulticastCount;
        for (int i = 0; same && i < Math.Min(count, Limits.PortMulticastMax); i++)
        {
            same = block.Multicast[i] == _wanted[port][i];
        }

        if (same && !force)
        {
            return;
        }

        for (int i = 0; i < Math.Min(count, Limits.PortMulticastMax); i++)
        {
            block.Multicast[i] = _wanted[port][i];
        }

        PortFilterMode before = block.MulticastMode;
        block.MulticastMode = SetMulticast(ref block, port, count);
        block.MulticastCount = (uint)count;
        int error = SetPromiscuous(ref block, port);
        if (block.MulticastMode != before || error != 0)
        {
            string text = error == 0 ? _modes[(int)block.MulticastMode] : _modes[(int)PortFilterMode.Failed];
            _log?.Write($"forwarder-dataplane: port {_names[port]}: receives multicast: {text}.\n");
        }
    }

    private PortFilterMode SetMulticast(ref PortBlock block, int port, int count)
    {
        if (_promiscuous[port])
        {
            return PortFilterMode.Promiscuous;
        }

        if (count <= Limits.PortMulticastMax && SetList(ref block, port, count))
        {
            return PortFilterMode.Filter;
        }

        return _ports.SetAllMulticast(port, true) == 0 ? PortFilterMode.AllMulticast : PortFilterMode.Promiscuous;
    }

    private bool SetList(ref PortBlock block, int port, int count)
    {
        for (int i = 0; i < count * AddressBytes; i++)
        {
            _list[i] = (byte)(block.Multicast[i / AddressBytes] >> (8 * (i % AddressBytes)));
        }

        fixed (byte* list = _list)
        {
            return _ports.SetMulticast(port, list, count) == 0 && _ports.SetAllMulticast(port, false) is 0 or IPortFilters.NotSupported;
        }
    }

    /// <summary>Promiscuous if it is wanted so, or if one of the other ways has failed. 0 or -errno.</summary>
    private int SetPromiscuous(ref PortBlock block, int port)
    {
        bool missed = block.MulticastMode == PortFilterMode.Promiscuous;
        for (int i = 0; i < (int)block.VirtualMacCount; i++)
        {
            missed |= ModeOf(block.VirtualMacs[i]) != PortFilterMode.Filter;
        }

        int error = _ports.SetPromiscuous(port, _promiscuous[port] || missed);
        PortFilterMode instead = error switch { 0 => PortFilterMode.Promiscuous, IPortFilters.NotSupported => PortFilterMode.Unfiltered, _ => PortFilterMode.Failed };
        block.MulticastMode = block.MulticastMode == PortFilterMode.Promiscuous ? instead : block.MulticastMode;
        for (int i = 0; i < (int)block.VirtualMacCount; i++)
        {
            if (ModeOf(block.VirtualMacs[i]) != PortFilterMode.Filter)
            {
                block.VirtualMacs[i] = With(block.VirtualMacs[i], instead);
            }
        }

        return error == IPortFilters.NotSupported ? 0 : error;
    }

    /// <summary>Takes out the virtual MAC addresses that are gone, then adds what is not in the filter; whether the set has changed.</summary>
    private bool SetVirtualMacs(in SnapshotView view, int port)
    {
        ref PortBlock block = ref _region.Port(port);
        int wanted = CollectVirtualMacs(view, port), kept = 0;
        bool changed = wanted != (int)block.VirtualMacCount;
        for (int i = 0; i < (int)block.VirtualMacCount; i++)
        {
            ulong entry = block.VirtualMacs[i];
            if (_wantedMacs.AsSpan(0, wanted).Contains(entry & MacMask))
            {
                block.VirtualMacs[kept++] = entry;
                continue;
            }

            changed = true;
            if (ModeOf(entry) == PortFilterMode.Filter && _ports.RemoveMac(port, entry & MacMask) is int error and not 0)
            {
                _log?.Write($"forwarder-dataplane: port {_names[port]}: a virtual MAC address stays in the filter, errno {(ulong)-error}.\n");
            }
        }

        block.VirtualMacCount = (uint)kept;
        for (int i = 0; i < wanted; i++)
        {
            if (!Has(ref block, _wantedMacs[i]))
            {
                changed = true;
                block.VirtualMacs[(int)block.VirtualMacCount++] = With(_wantedMacs[i], PortFilterMode.None);
            }
        }

        for (int i = 0; changed && i < (int)block.VirtualMacCount; i++)
        {
            // What found no room before may find it now.
            if (ModeOf(block.VirtualMacs[i]) != PortFilterMode.Filter && _ports.AddMac(port, block.VirtualMacs[i] & MacMask) == 0)
            {
                block.VirtualMacs[i] = With(block.VirtualMacs[i], PortFilterMode.Filter);
            }
        }

        return changed;
    }

    private int CollectVirtualMacs(in SnapshotView view, int port)
    {
        int count = 0;
        for (int i = 0; view.Header->VirtualMacs != 0 && i < 1 << view.VirtualMacsLog2; i++)
        {
            // One address on several VLANs of a port is one address for the card.
            if (view.VirtualMacs[i].Key != 0 && view.VirtualMacs[i].Port == (uint)port && !_wantedMacs.AsSpan(0, count).Contains(view.VirtualMacs[i].Mac))
            {
                _wantedMacs[count++] = view.VirtualMacs[i].Mac;
            }
        }

        return count;
    }

    private static bool Has(ref PortBlock block, ulong mac)
    {
        for (int i = 0; i < (int)block.VirtualMacCount; i++)
        {
            if ((block.VirtualMacs[i] & MacMask) == mac)
            {
                return true;
            }
        }

        return false;
    }

    private static PortFilterMode ModeOf(ulong entry) => (PortFilterMode)(entry >> ModeShift);

    private static ulong With(ulong entry, PortFilterMode mode) => (entry & MacMask) | ((ulong)mode << ModeShift);

    /// <summary>What the snapshot alone demands, each once; returns how many, or one more than fit.</summary>
    private int CollectMulticast(in SnapshotView view, int port)
    {
        ulong[] list = _common[port];
        int count = Add(list, AllNodes, 0);
        for (int i = 0; i < view.InterfaceCount; i++)
        {
            if (view.Interfaces[i].Valid != 0 && view.Interfaces[i].Port == port)
            {
                count = (view.Interfaces[i].VrrpFamilies & InterfaceEntry.Vrrp4) != 0 ? Add(list, Vrrp4, count) : count;
                count = (view.Interfaces[i].VrrpFamilies & InterfaceEntry.Vrrp6) != 0 ? Add(list, Vrrp6, count) : count;
            }
        }

        for (int i = 0; i < 1 << view.LocalAddresses6Log2 && count <= Limits.PortMulticastMax; i++)
        {
            if (view.LocalAddresses6[i].Kind != LocalAddressKind.None)
            {
                count = Add(list, SolicitedNode | ((view.LocalAddresses6[i].Low >> 40) << 24), count);
            }
        }

        return count;
    }

    /// <summary>With what the host wants; if that cannot be known, as many as do not fit.</summary>
    private int AddHostGroups(int port, int common)
    {
        ulong[] list = _wanted[port];
        _common[port].AsSpan(0, Math.Min(common, Limits.PortMulticastMax)).CopyTo(list);
        int count = common, found;
        fixed (byte* macs = _list)
        {
            found = _ports.HostMulticast(port, macs, Limits.PortMulticastMax);
        }

        for (int i = 0; i < found && found <= Limits.PortMulticastMax; i++)
        {
            ulong mac = 0;
            for (int b = AddressBytes - 1; b >= 0; b--)
            {
                mac = (mac << 8) | _list[(i * AddressBytes) + b];
            }

            count = Add(list, mac, count);
        }

        return found is < 0 or > Limits.PortMulticastMax ? Limits.PortMulticastMax + 1 : count;
    }

    private static int Add(ulong[] list, ulong mac, int count)
    {
        if (count > list.Length || list.AsSpan(0, count).Contains(mac))
        {
            return count;
        }

        if (count < list.Length)
        {
            list[count] = mac;
        }

        return count + 1;
    }
}
