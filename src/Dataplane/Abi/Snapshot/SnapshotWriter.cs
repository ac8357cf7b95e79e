using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Forwarder.Abi;

/// <summary>Lays a <see cref="SnapshotContent"/> out in the bytes that the dataplane reads.</summary>
public static class SnapshotWriter
{
    private const int Alignment = 64;

    /// <summary>Bytes that the content takes when laid out.</summary>
    public static long MeasureBytes(SnapshotContent content) => Plan(content, out _, out _);

    /// <summary>Writes the snapshot into <paramref name="slot"/> and returns its length in bytes.</summary>
    /// <exception cref="ArgumentException">The slot is too small; the message says what is needed and what there is.</exception>
    public static int Write(SnapshotContent content, ulong generation, Span<byte> slot)
    {
        long totalBytes = Plan(content, out SnapshotHeader header, out Dictionary<ushort[], uint> maglevFirst);
        if (totalBytes > slot.Length)
        {
            throw new ArgumentException($"The snapshot needs {totalBytes} bytes, a slot of the region has {slot.Length}: lower maglevTableSize or raise snapshotSlotBytes.", nameof(content));
        }

        slot = slot[..(int)totalBytes];
        header.Generation = generation;
        WriteSections(content, header, maglevFirst, slot);
        header.Checksum = 0;
        MemoryMarshal.Write(slot, in header);
        header.Checksum = SnapshotVerifier.Checksum(slot);
        MemoryMarshal.Write(slot, in header);
        return (int)totalBytes;
    }

    private static long Plan(SnapshotContent content, out SnapshotHeader header, out Dictionary<ushort[], uint> maglevFirst)
    {
        maglevFirst = new Dictionary<ushort[], uint>(ReferenceEqualityComparer.Instance);
        uint maglevCount = 0;
        foreach (ushort[] table in content.MaglevTables.Values)
        {
            if (maglevFirst.TryAdd(table, maglevCount))
            {
                maglevCount = checked(maglevCount + (uint)table.Length);
            }
        }

        header = new SnapshotHeader
        {
            Magic = SnapshotHeader.MagicValue,
            Version = SnapshotHeader.CurrentVersion,
            HeaderBytes = (uint)Unsafe.SizeOf<SnapshotHeader>(),
            VrrpGroupsEnd = content.VrrpGroupsEnd,
        };
        long offset = header.HeaderBytes;
        Place(ref header, SectionId.Interfaces, content.Interfaces.Count, ref offset);
        Place(ref header, SectionId.LocalAddresses4, HashCapacity(content.LocalAddresses4.Count), ref offset);
        Place(ref header, SectionId.LocalAddresses6, HashCapacity(content.LocalAddresses6.Count), ref offset);
        Place(ref header, SectionId.ServiceKeys4, HashCapacity(content.ServiceKeys4.Count), ref offset);
        Place(ref header, SectionId.ServiceKeys6, HashCapacity(content.ServiceKeys6.Count), ref offset);
        Place(ref header, SectionId.Services, content.Services.Count, ref offset);
        Place(ref header, SectionId.Members, content.Members.Count, ref offset);
        Place(ref header, SectionId.Servers, content.Servers.Count, ref offset);
        Place(ref header, SectionId.NextHops, content.NextHops.Count, ref offset);
        Place(ref header, SectionId.Maglev, (int)maglevCount, ref offset);
        Place(ref header, SectionId.Targets, content.Targets.Count, ref offset);
        Place(ref header, SectionId.ServerKeys4, HashCapacity(content.ServerKeys4.Count), ref offset);
        Place(ref header, SectionId.ServerKeys6, HashCapacity(content.ServerKeys6.Count), ref offset);
        Place(ref header, SectionId.Sources, content.Sources.Count, ref offset);
        Place(ref header, SectionId.PoolMembers, content.PoolMembers.Count, ref offset);
        Place(ref header, SectionId.VirtualMacs, HashCapacity(content.VirtualMacs.Count), ref offset);
        Place(ref header, SectionId.Timeouts, content.Timeouts.Count, ref offset);
        Place(ref header, SectionId.SnatRules, content.SnatRules.Count, ref offset);
        Place(ref header, SectionId.SnatSources4, content.SnatSources4.Count, ref offset);
        Place(ref header, SectionId.SnatDestinations4, content.SnatDestinations4.Count, ref offset);
        Place(ref header, SectionId.SnatSources6, content.SnatSources6.Count, ref offset);
        Place(ref header, SectionId.SnatDestinations6, content.SnatDestinations6.Count, ref offset);
        Place(ref header, SectionId.SnatSets, content.SnatSets.Count, ref offset);
        header.TotalBytes = (ulong)offset;
        header.TwoWayServers = (uint)(content.ServerKeys4.Count + content.ServerKeys6.Count + content.Sources.Count - 1);
        header.VirtualMacs = (uint)content.VirtualMacs.Count;
        header.RejectsNoService = content.RejectsNoService ? 1u : 0;
        return offset;
    }

    private static void Place(ref SnapshotHeader header, SectionId id, int count, ref long offset)
    {
        offset = (offset + Alignment - 1) / Alignment * Alignment;
        int entryBytes = SnapshotVerifier.EntryBytes(id);
        header.Sections[(int)id] = new Section { Offset = (ulong)offset, Count = (uint)count, EntryBytes = (uint)entryBytes };
        offset += (long)count * entryBytes;
    }

    // At most half full, so that probes are short and always meet an empty entry.
    private static int HashCapacity(int count) => (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(8, count * 2));

    private static void WriteSections(SnapshotContent content, in SnapshotHeader header, Dictionary<ushort[], uint> maglevFirst, Span<byte> slot)
    {
        Copy(CollectionsMarshal.AsSpan(content.Interfaces), header, SectionId.Interfaces, slot);
        WriteHash(content.LocalAddresses4, header, SectionId.LocalAddresses4, slot, e => e.Address, e => e.Kind == LocalAddressKind.None);
        WriteHash(content.LocalAddresses6, header, SectionId.LocalAddresses6, slot, e => Hashes.Fold(e.High, e.Low, 0), e => e.Kind == LocalAddressKind.None);
        WriteHash(content.ServiceKeys4, header, SectionId.ServiceKeys4, slot, e => e.Value, e => e.Value == 0);
        WriteHash(content.ServiceKeys6, header, SectionId.ServiceKeys6, slot, e => Hashes.Fold(e.High, e.Low, e.Rest), e => e.Rest == 0);
        Copy(CollectionsMarshal.AsSpan(content.Members), header, SectionId.Members, slot);
        Copy(CollectionsMarshal.AsSpan(content.Servers), header, SectionId.Servers, slot);
        Copy(CollectionsMarshal.AsSpan(content.NextHops), header, SectionId.NextHops, slot);
        Copy(CollectionsMarshal.AsSpan(content.Targets), header, SectionId.Targets, slot);
        WriteHash(content.ServerKeys4, header, SectionId.ServerKeys4, slot, e => e.Value, e => e.Value == 0);
        WriteHash(content.ServerKeys6, header, SectionId.ServerKeys6, slot, e => Hashes.Fold(e.High, e.Low, e.Rest), e => e.Rest == 0);
        Copy(CollectionsMarshal.AsSpan(content.Sources), header, SectionId.Sources, slot);
        Copy(CollectionsMarshal.AsSpan(content.PoolMembers), header, SectionId.PoolMembers, slot);
        WriteHash(content.VirtualMacs, header, SectionId.VirtualMacs, slot, e => e.Key, e => e.Key == 0);
        Copy(CollectionsMarshal.AsSpan(content.Timeouts), header, SectionId.Timeouts, slot);
        Copy(CollectionsMarshal.AsSpan(content.SnatRules), header, SectionId.SnatRules, slot);
        Copy(CollectionsMarshal.AsSpan(content.SnatSources4), header, SectionId.SnatSources4, slot);
        Copy(CollectionsMarshal.AsSpan(content.SnatDestinations4), header, SectionId.SnatDestinations4, slot);
        Copy(CollectionsMarshal.AsSpan(content.SnatSources6), header, SectionId.SnatSources6, slot);
        Copy(CollectionsMarshal.AsSpan(content.SnatDestinations6), header, SectionId.SnatDestinations6, slot);
        Copy(CollectionsMarshal.AsSpan(content.SnatSets), header, SectionId.SnatSets, slot);

        Span<ServiceEntry> services = At<ServiceEntry>(header, SectionId.Services, slot);
        Span<ushort> maglev = At<ushort>(header, SectionId.Maglev, slot);
        CollectionsMarshal.AsSpan(content.Services).CopyTo(services);
        foreach ((int service, ushort[] table) in content.MaglevTables)
        {
            services[service].MaglevFirst = maglevFirst[table];
            services[service].MaglevSize = (uint)table.Length;
        }

        foreach ((ushort[] table, uint first) in maglevFirst)
        {
            table.CopyTo(maglev[(int)first..]);
        }
    }

    private static Span<T> At<T>(in SnapshotHeader header, SectionId id, Span<byte> slot)
        where T : unmanaged
    {
        Section section = header.Sections[(int)id];
        return MemoryMarshal.Cast<byte, T>(slot.Slice((int)section.Offset, checked((int)(section.Count * section.EntryBytes))));
    }

    private static void Copy<T>(Span<T> entries, in SnapshotHeader header, SectionId id, Span<byte> slot)
        where T : unmanaged => entries.CopyTo(At<T>(header, id, slot));

    private static void WriteHash<T>(List<T> entries, in SnapshotHeader header, SectionId id, Span<byte> slot, Func<T, ulong> key, Func<T, bool> isEmpty)
        where T : unmanaged
    {
        Span<T> table = At<T>(header, id, slot);
        table.Clear();
        int log2 = BitOperations.Log2((uint)table.Length);
        foreach (T entry in entries)
        {
            uint i = Hashes.Slot(key(entry), log2);
            while (!isEmpty(table[(int)i]))
            {
                i = (i + 1) & (uint)(table.Length - 1);
            }

            table[(int)i] = entry;
        }
    }
}
