using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Forwarder.Abi;

/// <summary>
/// The door that every snapshot passes, on both sides. Workers index a snapshot without checks, so whatever they
/// would index with is checked here: after <see cref="SnapshotFault.None"/> no read can leave the snapshot.
/// Allocates nothing.
/// </summary>
public static unsafe class SnapshotVerifier
{
    private static readonly int[] s_entryBytes =
    [
        InterfaceEntry.SizeBytes, LocalAddress4Entry.SizeBytes, LocalAddress6Entry.SizeBytes, ServiceKey4Entry.SizeBytes,
        ServiceKey6Entry.SizeBytes, ServiceEntry.SizeBytes, sizeof(uint), ServerEntry.SizeBytes, NextHopEntry.SizeBytes, sizeof(ushort),
        TargetEntry.SizeBytes, ServerKey4Entry.SizeBytes, ServerKey6Entry.SizeBytes, SourceEntry.SizeBytes, sizeof(ushort), VirtualMacEntry.SizeBytes,
        FlowTimeouts.SizeBytes, SnatRuleEntry.SizeBytes, SnatRangeEntry.SizeBytes, SnatRangeEntry.SizeBytes, SnatRangeEntry.SizeBytes, SnatRangeEntry.SizeBytes, SnatSetEntry.SizeBytes,
    ];

    /// <summary>Bytes of an entry of a section.</summary>
    public static int EntryBytes(SectionId id) => s_entryBytes[(int)id];

    /// <summary>Checks the snapshot at the start of <paramref name="slot"/> for a dataplane of so many ports; <paramref name="index"/> is the entry at fault.</summary>
    public static SnapshotFault Verify(ReadOnlySpan<byte> slot, ulong expectedGeneration, out uint index, int portCount = Limits.PortsMax)
    {
        index = 0;
        if (slot.Length < sizeof(SnapshotHeader))
        {
            return SnapshotFault.Size;
        }

        fixed (byte* start = slot)
        {
            SnapshotFault fault = VerifyEnvelope(start, slot.Length, expectedGeneration, out index);
            return fault != SnapshotFault.None ? fault : VerifyContent(new SnapshotView(start), portCount, out index);
        }
    }

    /// <summary>XXH3-64 of a snapshot with its checksum field taken as 0.</summary>
    public static ulong Checksum(ReadOnlySpan<byte> snapshot)
    {
        // The header is hashed from a copy with the field zeroed; the rest where it lies, seeded with the header's hash.
        SnapshotHeader header = MemoryMarshal.Read<SnapshotHeader>(snapshot);
        header.Checksum = 0;
        ulong headerHash = System.IO.Hashing.XxHash3.HashToUInt64(MemoryMarshal.AsBytes(new ReadOnlySpan<SnapshotHeader>(in header)));
        return System.IO.Hashing.XxHash3.HashToUInt64(snapshot[sizeof(SnapshotHeader)..], (long)headerHash);
    }

    private static SnapshotFault VerifyEnvelope(byte* start, int slotBytes, ulong expectedGeneration, out uint index)
    {
        SnapshotHeader* header = (SnapshotHeader*)start;
        index = 0;
        if (header->Magic != SnapshotHeader.MagicValue)
        {
            return SnapshotFault.Magic;
        }

        if (header->Version != SnapshotHeader.CurrentVersion)
        {
            return SnapshotFault.Version;
        }

        if (header->HeaderBytes != (uint)sizeof(SnapshotHeader) || header->TotalBytes < (uint)sizeof(SnapshotHeader) || header->TotalBytes > (ulong)slotBytes)
        {
            return SnapshotFault.Size;
        }

        for (int i = 0; i < SnapshotHeader.SectionCount; i++)
        {
            Section section = header->Sections[i];
            index = (uint)i;
            if (section.EntryBytes != (uint)s_entryBytes[i] || section.Offset % 64 != 0 || section.Offset < (uint)sizeof(SnapshotHeader)
                || section.Offset > header->TotalBytes || (ulong)section.Count * section.EntryBytes > header->TotalBytes - section.Offset)
            {
                return SnapshotFault.Size;
            }
        }

        index = 0;
        if (header->Generation != expectedGeneration)
        {
            return SnapshotFault.Generation;
        }

        return Checksum(new ReadOnlySpan<byte>(start, (int)header->TotalBytes)) == header->Checksum ? SnapshotFault.None : SnapshotFault.Checksum;
    }

    private static SnapshotFault VerifyContent(in SnapshotView view, int portCount, out uint index)
    {
        SnapshotFault fault = VerifyHeader(view, out index);
        fault = fault != SnapshotFault.None ? fault : VerifyHashTables(view, out index);
        fault = fault != SnapshotFault.None ? fault : VerifyInterfaces(view, portCount, out index);
        fault = fault != SnapshotFault.None ? fault : VerifyServers(view, portCount, out index);
        fault = fault != SnapshotFault.None ? fault : VerifyServices(view, out index);
        fault = fault != SnapshotFault.None ? fault : VerifyTargets(view, out index);
        fault = fault != SnapshotFault.None ? fault : VerifyServerKeys(view, out index);
        fault = fault != SnapshotFault.None ? fault : VerifySources(view, out index);
        fault = fault != SnapshotFault.None ? fault : VerifyVirtualMacs(view, portCount, out index);
        fault = fault != SnapshotFault.None ? fault : VerifyTimeouts(view, out index);
        return fault != SnapshotFault.None ? fault : SnatVerifier.Verify(view, out index);
    }

    private static SnapshotFault VerifyHeader(in SnapshotView view, out uint index)
    {
        index = 0;
        return view.Header->RejectsNoService > 1 ? SnapshotFault.Header
            : view.Header->VrrpGroupsEnd > Limits.VrrpGroupsMax ? SnapshotFault.VrrpGroup : SnapshotFault.None;
    }

    private static SnapshotFault VerifyHashTables(in SnapshotView view, out uint index)
    {
        index = 0;
        uint groupsEnd = view.Header->VrrpGroupsEnd;
        for (SectionId id = SectionId.LocalAddresses4; id <= SectionId.ServiceKeys6; id++)
        {
            if (!IsHashTable(view, id))
            {
                index = (uint)id;
                return SnapshotFault.HashTable;
            }
        }

        // A probe ends at an empty entry: each table must have one.
        bool empty4 = false, empty6 = false, emptyKey4 = false, emptyKey6 = false;
        for (int i = 0; i < 1 << view.LocalAddresses4Log2; i++)
        {
            empty4 |= view.LocalAddresses4[i].Kind == LocalAddressKind.None;
            if (!IsGroup(view.LocalAddresses4[i].VrrpGroup, groupsEnd))
            {
                index = (uint)i;
                return SnapshotFault.VrrpGroup;
            }
        }

        for (int i = 0; i < 1 << view.LocalAddresses6Log2; i++)
        {
            empty6 |= view.LocalAddresses6[i].Kind == LocalAddressKind.None;
            if (!IsGroup(view.LocalAddresses6[i].VrrpGroup, groupsEnd))
            {
                index = (uint)i;
                return SnapshotFault.VrrpGroup;
            }
        }

        for (int i = 0; i < 1 << view.ServiceKeys4Log2; i++)
        {
            emptyKey4 |= view.ServiceKeys4[i].Value == 0;
            if (view.ServiceKeys4[i].Value != 0 && !IsService(view, view.ServiceKeys4[i].Service, 4))
            {
                index = (uint)i;
                return SnapshotFault.ServiceKey;
            }
        }

        for (int i = 0; i < 1 << view.ServiceKeys6Log2; i++)
        {
            emptyKey6 |= view.ServiceKeys6[i].Rest == 0;
            if (view.ServiceKeys6[i].Rest != 0 && !IsService(view, view.ServiceKeys6[i].Service, 6))
            {
                index = (uint)i;
                return SnapshotFault.ServiceKey;
            }
        }

        return empty4 && empty6 && emptyKey4 && emptyKey6 ? SnapshotFault.None : SnapshotFault.HashTable;
    }

    /// <summary>The PROXY protocol is for TCP and UDP, TOA for TCP.</summary>
    private static bool IsClientAddress(in ServiceEntry service) => service.ClientAddress switch
    {
        ClientAddressMode.None => true,
        ClientAddressMode.ProxyV2 => service.Protocol is ServiceEntry.Tcp or ServiceEntry.Udp,
        ClientAddressMode.Toa => service.Protocol == ServiceEntry.Tcp,
        _ => false,
    };

    private static bool IsGroup(ushort group, uint groupsEnd) => group == 0 || group < groupsEnd;

    private static bool IsHashTable(in SnapshotView view, SectionId id)
    {
        uint count = view.Header->Sections[(int)id].Count;
        return count >= 2 && BitOperations.IsPow2(count) && count <= (1u << 30);
    }

    private static bool IsService(in SnapshotView view, uint slot, byte ipVersion) =>
        slot != 0 && slot < (uint)view.ServiceCount && view.Services[slot].Valid == 1 && view.Services[slot].IpVersion == ipVersion;

    private static SnapshotFault VerifyInterfaces(in SnapshotView view, int portCount, out uint index)
    {
        index = 0;
        if (view.InterfaceCount > Limits.InterfacesMax || view.ServiceCount > Limits.ServicesMax || view.ServerCount > Limits.ServersMax || view.NextHopCount > Limits.NextHopsMax)
        {
            return SnapshotFault.Size;
        }

        for (int i = 0; i < view.InterfaceCount; i++)
        {
            index = (uint)i;
            if (view.Interfaces[i].Port >= portCount || view.Interfaces[i].Vlan > 4094)
            {
                return SnapshotFault.Interface;
            }
        }

        for (int i = 0; i < view.NextHopCount; i++)
        {
            index = (uint)i;
            NextHopEntry hop = view.NextHops[i];
            if (hop.IpVersion is not (0 or 4 or 6) || (hop.IpVersion != 0 && hop.Interface >= view.InterfaceCount))
            {
                return SnapshotFault.NextHop;
            }
        }

        return SnapshotFault.None;
    }

    /// <summary>Workers index their tables of states with it.</summary>
    private static bool HasItsStateTable(in SnapshotView view, in ServerEntry server) =>
        server.Service < view.ServiceCount && server.StateTable == ServerEntry.StateTableOf(server.Method, view.Services[server.Service].Protocol);

    private static SnapshotFault VerifyServers(in SnapshotView view, int portCount, out uint index)
    {
        index = 0;
        for (int i = 0; i < view.ServerCount; i++)
        {
            index = (uint)i;
            ServerEntry server = view.Servers[i];
            if (server.NextHop >= (uint)Math.Max(view.NextHopCount, 1) || server.Service >= Math.Max(view.ServiceCount, 1) || server.Port >= portCount || server.Valid > ServerEntry.Quiescent || (server.Valid == ServerEntry.Quiescent && server.Weight != 0)
                || !AreThresholds(server) || server.Vlan > 4094 || server.Method > ForwardingMethod.SourceNat || (server.Valid != 0 && !HasItsStateTable(view, server))
                || server.Target >= (uint)Math.Max(view.TargetCount, 1) || (server.Valid != 0 && (server.Method != ForwardingMethod.DirectRouting) != (server.Target != 0)))
            {
                return SnapshotFault.Server;
            }
        }

        return SnapshotFault.None;
    }

    private static bool AreThresholds(in ServerEntry server) =>
        server.UpperThreshold <= Limits.ConnectionsMax && server.LowerThreshold <= server.UpperThreshold && (server.LowerThreshold == 0) == (server.UpperThreshold == 0);

    private static SnapshotFault VerifyServices(in SnapshotView view, out uint index)
    {
        index = 0;
        uint memberCount = view.Header->Sections[(int)SectionId.Members].Count;
        uint maglevCount = view.Header->Sections[(int)SectionId.Maglev].Count;
        uint scannedFirst = 0, scannedSize = 0, scannedMax = 0;
        for (int i = 0; i < view.ServiceCount; i++)
        {
            index = (uint)i;
            ServiceEntry service = view.Services[i];
            if (service.Valid == 0)
            {
                continue;
            }

            if (service.Valid != 1 || service.IpVersion is not (4 or 6) || service.Scheduler > Scheduler.Wlc || service.Flags > ServiceFlags.All || service.ConnectionsMax > Limits.ConnectionsMax || !IsClientAddress(service) || service.MembersCount > Limits.ServersPerServiceMax
                || (ulong)service.MembersFirst + service.MembersCount > memberCount || (ulong)service.MaglevFirst + service.MaglevSize > maglevCount)
            {
                return SnapshotFault.Service;
            }

            if (!IsGroup(service.VrrpGroup, view.Header->VrrpGroupsEnd))
            {
                return SnapshotFault.VrrpGroup;
            }

            for (uint m = 0; m < service.MembersCount; m++)
            {
                uint server = view.Members[service.MembersFirst + m];
                if (server == 0 || server >= (uint)view.ServerCount || view.Servers[server].Valid == 0 || view.Servers[server].Service != i || view.Servers[server].Method == ForwardingMethod.SourceNat)
                {
                    return SnapshotFault.Member;
                }
            }

            if (service.MaglevSize > 0)
            {
                // Services on the same servers share a table; they mostly stand together, so one scan does for all.
                if (service.MaglevFirst != scannedFirst || service.MaglevSize != scannedSize)
                {
                    (scannedFirst, scannedSize) = (service.MaglevFirst, service.MaglevSize);
                    scannedMax = MaxEntry(new ReadOnlySpan<ushort>(view.Maglev + scannedFirst, (int)scannedSize));
                }

                if (scannedMax >= service.MembersCount)
                {
                    return SnapshotFault.Maglev;
                }
            }
        }

        return SnapshotFault.None;
    }

    /// <summary>A server behind NAT or FullNAT is of the VIP's family; a tunnel's may be of the other one. FullNAT needs source addresses.</summary>
    private static SnapshotFault VerifyTargets(in SnapshotView view, out uint index)
    {
        index = 0;
        for (int i = 1; i < view.ServerCount; i++)
        {
            index = (uint)i;
            ServerEntry server = view.Servers[i];
            if (server.Valid != 0 && server.Target != 0)
            {
                byte family = view.Targets[server.Target].IpVersion;
                if (family is not (4 or 6) || !IsEncapsulation(view.Targets[server.Target], server.Method) || (server.Method != ForwardingMethod.Tunnel && !IsService(view, server.Service, family) && !IsNat64(view, server, family))
                    || (server.Method == ForwardingMethod.FullNat && view.Services[server.Service].PoolCount == 0))
                {
                    return SnapshotFault.Target;
                }
            }
        }

        return SnapshotFault.None;
    }

    /// <summary>FullNAT from an IPv6 VIP to an IPv4 server.</summary>
    private static bool IsNat64(in SnapshotView view, in ServerEntry server, byte family) =>
        server.Method == ForwardingMethod.FullNat && family == 4 && IsService(view, server.Service, 6);

    /// <summary>A tunnel is of a kind that workers know, and GUE has a port; other methods are no tunnels.</summary>
    private static bool IsEncapsulation(in TargetEntry target, ForwardingMethod method) => method != ForwardingMethod.Tunnel
        ? target is { Encapsulation: Encapsulation.Ipip, Checksum: 0 }
        : target is { Encapsulation: <= Encapsulation.Gre, Checksum: <= 1 } && (target.Encapsulation == Encapsulation.Gue) == (target.Port != 0) && (target.Encapsulation != Encapsulation.Ipip || target.Checksum == 0);

    private static SnapshotFault VerifyServerKeys(in SnapshotView view, out uint index)
    {
        index = (uint)SectionId.ServerKeys4;
        if (!IsHashTable(view, SectionId.ServerKeys4) || !IsHashTable(view, SectionId.ServerKeys6))
        {
            return SnapshotFault.HashTable;
        }

        bool empty4 = false, empty6 = false;
        for (int i = 0; i < 1 << view.ServerKeys4Log2; i++)
        {
            index = (uint)i;
            empty4 |= view.ServerKeys4[i].Value == 0;
            if (view.ServerKeys4[i].Value != 0 && !IsBehindNat(view, view.ServerKeys4[i].Server, 4))
            {
                return SnapshotFault.ServerKey;
            }
        }

        for (int i = 0; i < 1 << view.ServerKeys6Log2; i++)
        {
            index = (uint)i;
            empty6 |= view.ServerKeys6[i].Rest == 0;
            if (view.ServerKeys6[i].Rest != 0 && !IsBehindNat(view, view.ServerKeys6[i].Server, 6))
            {
                return SnapshotFault.ServerKey;
            }
        }

        return empty4 && empty6 ? SnapshotFault.None : SnapshotFault.HashTable;
    }

    private static SnapshotFault VerifyTimeouts(in SnapshotView view, out uint index)
    {
        index = 0;
        if (view.TimeoutsCount is < 1 or > Limits.FlowTimeoutsMax)
        {
            return SnapshotFault.Size;
        }

        for (int i = 0; i < view.TimeoutsCount; i++)
        {
            index = (uint)i;
            if (!view.Timeouts[i].AreGood)
            {
                return SnapshotFault.Timeouts;
            }
        }

        for (int i = 0; i < view.ServiceCount; i++)
        {
            index = (uint)i;
            if (view.Services[i].Timeouts >= view.TimeoutsCount)
            {
                return SnapshotFault.Timeouts;
            }
        }

        for (int i = 0; i < view.ServerCount; i++)
        {
            index = (uint)i;
            if (view.Servers[i].Timeouts >= view.TimeoutsCount)
            {
                return SnapshotFault.Timeouts;
            }
        }

        return SnapshotFault.None;
    }

    private static SnapshotFault VerifySources(in SnapshotView view, out uint index)
    {
        index = 0;
        if (view.SourceCount > Limits.SourcesMax)
        {
            return SnapshotFault.Size;
        }

        for (int i = 0; i < 1 << view.LocalAddresses4Log2; i++)
        {
            index = (uint)i;
            if (view.LocalAddresses4[i].Kind > LocalAddressKind.Source || (view.LocalAddresses4[i].Kind == LocalAddressKind.Source && !IsSource(view, view.LocalAddresses4[i].Source, 4)))
            {
                return SnapshotFault.Source;
            }
        }

        for (int i = 0; i < 1 << view.LocalAddresses6Log2; i++)
        {
            index = (uint)i;
            if (view.LocalAddresses6[i].Kind > LocalAddressKind.Source || (view.LocalAddresses6[i].Kind == LocalAddressKind.Source && !IsSource(view, view.LocalAddresses6[i].Source, 6)))
            {
                return SnapshotFault.Source;
            }
        }

        uint members = view.Header->Sections[(int)SectionId.PoolMembers].Count;
        for (int i = 0; i < view.ServiceCount; i++)
        {
            index = (uint)i;
            ServiceEntry service = view.Services[i];
            if (service.Valid != 0 && ((ulong)service.PoolFirst + service.PoolCount > members || !ArePool(view, service)))
            {
                return SnapshotFault.Source;
            }
        }

        for (int i = 0; i < view.ServerCount; i++)
        {
            index = (uint)i;
            ServerEntry server = view.Servers[i];
            if (server.Valid != 0 && server.Method == ForwardingMethod.FullNat && view.Sources[view.PoolMembers[view.Services[server.Service].PoolFirst]].IpVersion != view.Targets[server.Target].IpVersion)
            {
                return SnapshotFault.Source;
            }
        }

        return SnapshotFault.None;
    }

    /// <summary>A service's source addresses are all of one family: that of its FullNAT servers.</summary>
    private static bool ArePool(in SnapshotView view, in ServiceEntry service)
    {
        byte family = 0;
        for (uint n = 0; n < service.PoolCount; n++)
        {
            ushort source = view.PoolMembers[service.PoolFirst + n];
            family = n == 0 && source < view.SourceCount ? view.Sources[source].IpVersion : family;
            if (family is not (4 or 6) || !IsSource(view, source, family))
            {
                return false;
            }
        }

        return true;
    }

    private static bool IsSource(in SnapshotView view, ushort slot, byte ipVersion) =>
        slot != 0 && slot < view.SourceCount && view.Sources[slot].Valid == 1 && view.Sources[slot].IpVersion == ipVersion;

    private static SnapshotFault VerifyVirtualMacs(in SnapshotView view, int portCount, out uint index)
    {
        index = (uint)SectionId.VirtualMacs;
        if (!IsHashTable(view, SectionId.VirtualMacs))
        {
            return SnapshotFault.HashTable;
        }

        uint used = 0;
        for (int i = 0; i < 1 << view.VirtualMacsLog2; i++)
        {
            VirtualMacEntry entry = view.VirtualMacs[i];
            bool isEmpty = entry.Key == 0;
            used += isEmpty ? 0u : 1;
            bool isGood = isEmpty
                ? entry.VrrpGroup == 0
                : entry.IsVirtualRouterMac && entry.Port < (uint)portCount && entry.Vlan <= 4094 && entry.VrrpGroup != 0 && entry.VrrpGroup < view.Header->VrrpGroupsEnd;
            if (!isGood)
            {
                index = (uint)i;
                return SnapshotFault.VirtualMac;
            }
        }

        return used == view.Header->VirtualMacs && used < 1u << view.VirtualMacsLog2 ? SnapshotFault.None : SnapshotFault.HashTable;
    }

    private static bool IsBehindNat(in SnapshotView view, uint slot, byte ipVersion) =>
        slot != 0 && slot < (uint)view.ServerCount && view.Servers[slot].Valid != 0 && view.Servers[slot].Method == ForwardingMethod.Nat
        && IsService(view, view.Servers[slot].Service, ipVersion);

    private static uint MaxEntry(ReadOnlySpan<ushort> entries)
    {
        Vector<ushort> max = Vector<ushort>.Zero;
        int i = 0;
        for (; i <= entries.Length - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            max = Vector.Max(max, new Vector<ushort>(entries[i..]));
        }

        uint result = 0;
        for (int lane = 0; lane < Vector<ushort>.Count; lane++)
        {
            result = Math.Max(result, max[lane]);
        }

        for (; i < entries.Length; i++)
        {
            result = Math.Max(result, entries[i]);
        }

        return result;
    }
}
