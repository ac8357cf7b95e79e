using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Forwarder.Dataplane;

/// <summary>
/// The shim's exports, resolved once. Looked for where FORWARDER_NATIVE says, beside the program, then where the system
/// finds libraries. A missing library or export is a <see cref="StartException"/> that says which.
/// </summary>
public sealed unsafe class Native
{
    /// <summary>FWD_ABI_VERSION that this program was written for.</summary>
    public const uint AbiVersion = 4;

    private const string LibraryName = "libforwarder_native.so";

    public readonly delegate* unmanaged<int, byte**, int> EalInit;
    public readonly delegate* unmanaged<int> EalCleanup;
    public readonly delegate* unmanaged<byte*> EalLog;
    public readonly delegate* unmanaged<int> HasHugepages;
    public readonly delegate* unmanaged<byte*> DpdkVersion;
    public readonly delegate* unmanaged<byte*, uint, ushort, int, void**, int> PoolCreate;
    public readonly delegate* unmanaged<void*, uint> PoolAvailable;
    public readonly delegate* unmanaged<ulong, int, void*> MemoryAllocate;
    public readonly delegate* unmanaged<byte*, ushort*, int> PortFind;
    public readonly delegate* unmanaged<ushort, int> PortNumaNode;
    public readonly delegate* unmanaged<ushort, NativePortConfig*, void*, int> PortStart;
    public readonly delegate* unmanaged<ushort, int> PortStop;
    public readonly delegate* unmanaged<ushort, NativePortInfo*, int> PortInfo;
    public readonly delegate* unmanaged<ushort, NativePortStats*, int> PortStats;
    public readonly delegate* unmanaged<ushort, byte*, uint, int> PortXstatNames;
    public readonly delegate* unmanaged<ushort, ulong*, uint, int> PortXstatValues;
    public readonly delegate* unmanaged<ushort, byte*, uint, int> PortSetMulticast;
    public readonly delegate* unmanaged<ushort, int, int> PortSetAllMulticast;
    public readonly delegate* unmanaged<ushort, int, int> PortSetPromiscuous;
    public readonly delegate* unmanaged<ushort, byte*, int> PortMacAdd;
    public readonly delegate* unmanaged<ushort, byte*, int> PortMacRemove;
    public readonly delegate* unmanaged<ushort, ushort, ulong*, ushort, ushort> RxBurst;
    public readonly delegate* unmanaged<ushort, ushort, ulong*, ushort, ushort> TxBurst;
    public readonly delegate* unmanaged<ulong*, uint, void> FreeBulk;
    public readonly delegate* unmanaged<void*, ulong> PacketAllocate;
    public readonly delegate* unmanaged<ulong, void> PacketFree;
    public readonly delegate* unmanaged<delegate* unmanaged<void*, int>, void*, uint, int> WorkerLaunch;
    public readonly delegate* unmanaged<uint, int> WorkerWait;
    public readonly delegate* unmanaged<uint, int> LcoreNumaNode;
    public readonly delegate* unmanaged<uint, void> SleepUs;
    public readonly delegate* unmanaged<uint, int> ConfineThreads;
    public readonly delegate* unmanaged<byte*, uint, void> Log;
    public readonly delegate* unmanaged<byte*, byte*, ushort, int> TapOpen;
    public readonly delegate* unmanaged<int, byte*, uint, int> TapRead;
    public readonly delegate* unmanaged<int, byte*, uint, int> TapWrite;
    public readonly delegate* unmanaged<byte*, byte*, uint, int> TapMulticast;

    private readonly delegate* unmanaged<int, byte*> _errorText;
    private readonly nint _library;

    private Native(nint library)
    {
        _library = library;
        CheckLayout((delegate* unmanaged<NativeLayout*, void>)Export("fwd_get_layout"));
        _errorText = (delegate* unmanaged<int, byte*>)Export("fwd_error_text");
        EalInit = (delegate* unmanaged<int, byte**, int>)Export("fwd_eal_init");
        EalCleanup = (delegate* unmanaged<int>)Export("fwd_eal_cleanup");
        EalLog = (delegate* unmanaged<byte*>)Export("fwd_eal_log");
        HasHugepages = (delegate* unmanaged<int>)Export("fwd_has_hugepages");
        DpdkVersion = (delegate* unmanaged<byte*>)Export("fwd_dpdk_version");
        PoolCreate = (delegate* unmanaged<byte*, uint, ushort, int, void**, int>)Export("fwd_pool_create");
        PoolAvailable = (delegate* unmanaged<void*, uint>)Export("fwd_pool_available");
        MemoryAllocate = (delegate* unmanaged<ulong, int, void*>)Export("fwd_memory_allocate");
        PortFind = (delegate* unmanaged<byte*, ushort*, int>)Export("fwd_port_find");
        PortNumaNode = (delegate* unmanaged<ushort, int>)Export("fwd_port_numa_node");
        PortStart = (delegate* unmanaged<ushort, NativePortConfig*, void*, int>)Export("fwd_port_start");
        PortStop = (delegate* unmanaged<ushort, int>)Export("fwd_port_stop");
        PortInfo = (delegate* unmanaged<ushort, NativePortInfo*, int>)Export("fwd_port_info");
        PortStats = (delegate* unmanaged<ushort, NativePortStats*, int>)Export("fwd_port_stats");
        PortXstatNames = (delegate* unmanaged<ushort, byte*, uint, int>)Export("fwd_port_xstat_names");
        PortXstatValues = (delegate* unmanaged<ushort, ulong*, uint, int>)Export("fwd_port_xstat_values");
        PortSetMulticast = (delegate* unmanaged<ushort, byte*, uint, int>)Export("fwd_port_set_multicast");
        PortSetAllMulticast = (delegate* unmanaged<ushort, int, int>)Export("fwd_port_set_all_multicast");
        PortSetPromiscuous = (delegate* unmanaged<ushort, int, int>)Export("fwd_port_set_promiscuous");
        PortMacAdd = (delegate* unmanaged<ushort, byte*, int>)Export("fwd_port_mac_add");
        PortMacRemove = (delegate* unmanaged<ushort, byte*, int>)Export("fwd_port_mac_remove");
        RxBurst = (delegate* unmanaged<ushort, ushort, ulong*, ushort, ushort>)Export("fwd_rx_burst");
        TxBurst = (delegate* unmanaged<ushort, ushort, ulong*, ushort, ushort>)Export("fwd_tx_burst");
        FreeBulk = (delegate* unmanaged<ulong*, uint, void>)Export("fwd_free_bulk");
        PacketAllocate = (delegate* unmanaged<void*, ulong>)Export("fwd_packet_allocate");
        PacketFree = (delegate* unmanaged<ulong, void>)Export("fwd_packet_free");
        WorkerLaunch = (delegate* unmanaged<delegate* unmanaged<void*, int>, void*, uint, int>)Export("fwd_worker_launch");
        WorkerWait = (delegate* unmanaged<uint, int>)Export("fwd_worker_wait");
        LcoreNumaNode = (delegate* unmanaged<uint, int>)Export("fwd_lcore_numa_node");
        SleepUs = (delegate* unmanaged<uint, void>)Export("fwd_sleep_us");
        ConfineThreads = (delegate* unmanaged<uint, int>)Export("fwd_confine_threads");
        Log = (delegate* unmanaged<byte*, uint, void>)Export("fwd_log");
        TapOpen = (delegate* unmanaged<byte*, byte*, ushort, int>)Export("fwd_tap_open");
        TapRead = (delegate* unmanaged<int, byte*, uint, int>)Export("fwd_tap_read");
        TapWrite = (delegate* unmanaged<int, byte*, uint, int>)Export("fwd_tap_write");
        TapMulticast = (delegate* unmanaged<byte*, byte*, uint, int>)Export("fwd_tap_multicast");
    }

    /// <summary>Loads the shim.</summary>
    /// <exception cref="StartException">Not found, an export is missing, or it is of another version.</exception>
    public static Native Load()
    {
        string? named = Environment.GetEnvironmentVariable("FORWARDER_NATIVE");
        string beside = Path.Combine(AppContext.BaseDirectory, LibraryName);
        if (named == null && !File.Exists(beside))
        {
            return NativeLibrary.TryLoad(LibraryName, out nint library)
                ? new Native(library)
                : throw new StartException($"{LibraryName} is missing: it is neither beside this program ({beside}) nor in the system's library path.");
        }

        try
        {
            return new Native(NativeLibrary.Load(named ?? beside));
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            // The loader's own words name the library that it missed (DPDK's, say).
            throw new StartException($"{(named != null ? "FORWARDER_NATIVE names " : "")}{named ?? beside}, which cannot be loaded: {e.Message}");
        }
    }

    /// <summary>DPDK's words for an errno.</summary>
    public string ErrorText(int error) => Marshal.PtrToStringUTF8((nint)_errorText(error)) ?? error.ToString(System.Globalization.CultureInfo.InvariantCulture);

    private void* Export(string name) => NativeLibrary.TryGetExport(_library, name, out nint address)
        ? (void*)address
        : throw new StartException($"{LibraryName} has no export {name}: it is of another release than this program.");

    private static void CheckLayout(delegate* unmanaged<NativeLayout*, void> getLayout)
    {
        NativeLayout layout;
        getLayout(&layout);
        (string Name, ulong Found, ulong Expected)[] facts =
        [
            ("abi version", layout.AbiVersion, AbiVersion),
            ("sizeof(fwd_layout)", layout.LayoutBytes, (ulong)sizeof(NativeLayout)),
            ("rte_mbuf.buf_addr", layout.MbufBufferAddress, Mbuf.BufferAddressOffset),
            ("rte_mbuf.data_off", layout.MbufDataOffset, Mbuf.DataOffsetOffset),
            ("rte_mbuf.nb_segs", layout.MbufSegmentCount, Mbuf.SegmentCountOffset),
            ("rte_mbuf.ol_flags", layout.MbufFlags, Mbuf.FlagsOffset),
            ("rte_mbuf.pkt_len", layout.MbufPacketLength, Mbuf.PacketLengthOffset),
            ("rte_mbuf.data_len", layout.MbufDataLength, Mbuf.DataLengthOffset),
            ("RX_IP_CKSUM_MASK", layout.RxIpChecksumMask, Mbuf.IpChecksumMask),
            ("RX_IP_CKSUM_BAD", layout.RxIpChecksumBad, Mbuf.IpChecksumBad),
            ("sizeof(fwd_port_config)", layout.PortConfigBytes, (ulong)sizeof(NativePortConfig)),
            ("sizeof(fwd_port_info)", layout.PortInfoBytes, (ulong)sizeof(NativePortInfo)),
            ("sizeof(fwd_port_stats)", layout.PortStatsBytes, (ulong)sizeof(NativePortStats)),
        ];
        foreach ((string name, ulong found, ulong expected) in facts)
        {
            if (found != expected)
            {
                throw new StartException($"{LibraryName} does not fit this program: {name} is {found}, expected {expected}.");
            }
        }
    }
}
