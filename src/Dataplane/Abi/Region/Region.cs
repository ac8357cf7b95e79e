using System.IO.MemoryMappedFiles;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Forwarder.Abi;

/// <summary>
/// The memory between control and dataplane: a sparse file that both map. Refs and spans that it returns are valid
/// until it is disposed. The file outlives both processes, so either can come back to what the other left.
/// </summary>
public sealed unsafe class Region : IDisposable
{
    private readonly MemoryMappedFile? _file;
    private readonly MemoryMappedViewAccessor? _view;
    private byte* _start;

    private Region(MemoryMappedFile? file, MemoryMappedViewAccessor? view, byte* start, RegionLayout layout)
    {
        _file = file;
        _view = view;
        _start = start;
        Layout = layout;
    }

    /// <summary>Where everything lies.</summary>
    public RegionLayout Layout { get; }

    /// <summary>First byte, for the dataplane.</summary>
    public byte* Start => _start;

    /// <summary>The header.</summary>
    public ref RegionHeader Header => ref *(RegionHeader*)_start;

    /// <summary>The process block.</summary>
    public ref ProcessBlock Process => ref *(ProcessBlock*)(_start + RegionLayout.ProcessOffset);

    /// <summary>The flow query block.</summary>
    public ref FlowQueryBlock FlowQuery => ref *(FlowQueryBlock*)(_start + RegionLayout.FlowQueryOffset);

    /// <summary>The neighbour words by next-hop slot.</summary>
    public Span<ulong> Neighbours => new(_start + RegionLayout.NeighboursOffset, Limits.NextHopsMax);

    /// <summary>
    /// The lease words by VRRP group, written by control: the group's VIPs are this director's until then (CLOCK_MONOTONIC,
    /// ns); 0 = not. A word that is not renewed runs out by itself.
    /// </summary>
    public Span<ulong> Leases => new(_start + RegionLayout.LeasesOffset, Limits.VrrpGroupsMax);

    /// <summary>
    /// Opens the region's file, or makes it when there is none. A file of other dimensions or another version is refused:
    /// it may be in use by the other process.
    /// </summary>
    /// <exception cref="RegionException">The file is of another version or size, or cannot be made.</exception>
    public static Region OpenOrCreate(string path, RegionLayout layout)
    {
        if (!File.Exists(path))
        {
            Create(path, layout);
        }

        Region region = Open(path);
        if (region.Layout != layout)
        {
            RegionLayout found = region.Layout;
            region.Dispose();
            throw new RegionException($"Region {path} has {found.WorkerCount} worker block(s) and snapshot slots of {found.SnapshotSlotBytes} bytes, the configuration asks for {layout.WorkerCount} and {layout.SnapshotSlotBytes}. Stop both processes and remove the file to change them.");
        }

        return region;
    }

    /// <summary>Makes a new region file (by rename, so that nobody ever sees half of it), replacing an old one.</summary>
    /// <exception cref="RegionException">The file cannot be made.</exception>
    public static void Create(string path, RegionLayout layout)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(layout.WorkerCount, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(layout.WorkerCount, Limits.WorkersMax);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(layout.SnapshotSlotBytes, Limits.SnapshotSlotBytesMax);
        ArgumentOutOfRangeException.ThrowIfLessThan(layout.SnapshotSlotBytes, Limits.SnapshotSlotBytesMin);
        RegionHeader header = new()
        {
            Magic = RegionHeader.MagicValue,
            Version = RegionHeader.CurrentVersion,
            WorkerCount = (uint)layout.WorkerCount,
            SnapshotSlotBytes = (ulong)layout.SnapshotSlotBytes,
            TotalBytes = (ulong)layout.TotalBytes,
        };
        string temporary = $"{path}.{Environment.ProcessId}.tmp";
        try
        {
            using (FileStream stream = new(temporary, FileMode.Create, FileAccess.ReadWrite, FileShare.None, 1))
            {
                File.SetUnixFileMode(temporary, UnixFileMode.UserRead | UnixFileMode.UserWrite);
                stream.SetLength(layout.TotalBytes);
                stream.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<RegionHeader>(in header)));
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RegionException($"Region {path} cannot be made: {e.Message}", e);
        }
    }

    /// <summary>Opens an existing region file.</summary>
    /// <exception cref="RegionException">There is no such file, or it is of another version or size.</exception>
    public static Region Open(string path)
    {
        RegionHeader header = ReadHeader(path, out long fileBytes);
        if (header.Magic != RegionHeader.MagicValue)
        {
            throw new RegionException($"{path} is not a region of Forwarder: it starts with 0x{header.Magic:x16}, expected 0x{RegionHeader.MagicValue:x16}.");
        }

        if (header.Version != RegionHeader.CurrentVersion)
        {
            throw new RegionException($"Region {path} has version {header.Version}, this program has version {RegionHeader.CurrentVersion}. Run control and dataplane of one release, and remove the file to start anew.");
        }

        RegionLayout layout = new((int)header.WorkerCount, (long)header.SnapshotSlotBytes);
        if (header.WorkerCount is 0 or > Limits.WorkersMax || header.SnapshotSlotBytes > (ulong)Limits.SnapshotSlotBytesMax
            || header.TotalBytes != (ulong)layout.TotalBytes || fileBytes != layout.TotalBytes)
        {
            throw new RegionException($"Region {path} says {header.TotalBytes} bytes, its dimensions need {layout.TotalBytes}, the file has {fileBytes}.");
        }

        MemoryMappedFile file = MemoryMappedFile.CreateFromFile(path, FileMode.Open, null, 0, MemoryMappedFileAccess.ReadWrite);
        MemoryMappedViewAccessor view = file.CreateViewAccessor(0, layout.TotalBytes, MemoryMappedFileAccess.ReadWrite);
        byte* start = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        return new Region(file, view, start, layout);
    }

    /// <summary>A region in private memory, for tests that compose both halves in one process.</summary>
    public static Region CreatePrivate(RegionLayout layout)
    {
        MemoryMappedFile file = MemoryMappedFile.CreateNew(null, layout.TotalBytes);
        MemoryMappedViewAccessor view = file.CreateViewAccessor(0, layout.TotalBytes);
        byte* start = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        Region region = new(file, view, start, layout);
        region.Header.Magic = RegionHeader.MagicValue;
        region.Header.Version = RegionHeader.CurrentVersion;
        region.Header.WorkerCount = (uint)layout.WorkerCount;
        region.Header.SnapshotSlotBytes = (ulong)layout.SnapshotSlotBytes;
        region.Header.TotalBytes = (ulong)layout.TotalBytes;
        return region;
    }

    /// <summary>After the dataplane's death: its workers and its gatekeeper hold no snapshot any more.</summary>
    public void ReleaseDeadDataplane()
    {
        for (int worker = 0; worker < Layout.WorkerCount; worker++)
        {
            Volatile.Write(ref Worker(worker).Running, 0);
        }

        Volatile.Write(ref Header.Examining, 0);
        if (Process.State is ProcessState.Starting or ProcessState.Running)
        {
            Process.State = ProcessState.None;
        }
    }

    /// <summary>A worker's block.</summary>
    public ref WorkerBlock Worker(int worker)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)worker, (uint)Layout.WorkerCount);
        return ref *(WorkerBlock*)(_start + RegionLayout.WorkersOffset + ((long)worker * WorkerBlock.SizeBytes));
    }

    /// <summary>What a worker counted, by source slot.</summary>
    public Span<SourceCounters> SourceCounters(int worker)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)worker, (uint)Layout.WorkerCount);
        return new(_start + Layout.SourceCountersOffset + ((long)worker * Limits.SourcesMax * Abi.SourceCounters.SizeBytes), Limits.SourcesMax);
    }

    /// <summary>What a worker counted, by server slot.</summary>
    public Span<ServerCounters> ServerCounters(int worker)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)worker, (uint)Layout.WorkerCount);
        return new(_start + Layout.ServerCountersOffset + ((long)worker * Limits.ServersMax * Abi.ServerCounters.SizeBytes), Limits.ServersMax);
    }

    /// <summary>What a worker counted, by service slot.</summary>
    public Span<ServiceCounters> ServiceCounters(int worker)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)worker, (uint)Layout.WorkerCount);
        return new(_start + Layout.ServiceCountersOffset + ((long)worker * Limits.ServicesMax * Abi.ServiceCounters.SizeBytes), Limits.ServicesMax);
    }

    /// <summary>What a worker is told of the others, see <see cref="Abi.OtherConnections"/>.</summary>
    public Span<uint> OtherConnections(int worker)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)worker, (uint)Layout.WorkerCount);
        return new(_start + Layout.OtherConnectionsOffset + ((long)worker * Abi.OtherConnections.Words * sizeof(uint)), Abi.OtherConnections.Words);
    }

    /// <summary>A port's block.</summary>
    public ref PortBlock Port(int port)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)port, (uint)Limits.PortsMax);
        return ref *(PortBlock*)(_start + RegionLayout.PortsOffset + ((long)port * PortBlock.SizeBytes));
    }

    /// <summary>A snapshot slot.</summary>
    public Span<byte> SnapshotSlot(int slot) => new(SnapshotSlotStart(slot), (int)Layout.SnapshotSlotBytes);

    /// <summary>First byte of a snapshot slot.</summary>
    public byte* SnapshotSlotStart(int slot)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)slot, (uint)Limits.SnapshotSlots);
        return _start + Layout.SnapshotsOffset + (slot * Layout.SlotStrideBytes);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_start != null)
        {
            _start = null;
            _view?.SafeMemoryMappedViewHandle.ReleasePointer();
            _view?.Dispose();
            _file?.Dispose();
        }
    }

    private static RegionHeader ReadHeader(string path, out long fileBytes)
    {
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1);
            fileBytes = stream.Length;
            byte[] bytes = new byte[Unsafe.SizeOf<RegionHeader>()];
            int read = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            return read < bytes.Length
                ? throw new RegionException($"{path} is not a region of Forwarder: it has {read} bytes.")
                : MemoryMarshal.Read<RegionHeader>(bytes);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RegionException($"Region {path} cannot be opened: {e.Message}", e);
        }
    }
}
