using System.Runtime.CompilerServices;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// Local ports of FullNAT and SNAT: which flow has which port of which source address, both ways round. A worker has the ports that
/// leave its index as remainder when divided by the number of workers, so that a reply's port names the worker. A port
/// comes back at the end of the queue of free ones: it is used again as late as possible. Queues are shuffled, and one of the first few is
/// taken, so that nobody can guess the next one (RFC 6056). TCP has a space; UDP, SCTP and SNAT's ICMP echo share the other one.
/// </summary>
public unsafe struct LocalPorts
{
    /// <summary>Bits of a word: port 0-15, source slot 16-26, its incarnation 27-31.</summary>
    private const int SlotShift = 16, IncarnationShift = 27, Protocols = 2;

    private const uint SlotMask = (1 << (IncarnationShift - SlotShift)) - 1, IncarnationMask = (1 << SourceEntry.IncarnationBits) - 1, Ipv6Flow = 1u << 31;

    /// <summary>Free ports at the head of a queue of which one is taken: few enough to be in a cache line or two.</summary>
    private const uint ShuffledPorts = 32;

    private SnatAddress* _destinations; // by space and port, of SNAT's IPv6 flows: where they go
    private uint* _flows;      // by space and port: place of the flow in its table, plus 1
    private ushort* _free;     // by space and class: a ring of free ports
    private uint* _first;      // by space and class: first free port in its ring,
    private uint* _count;      // and how many
    private uint* _spaceCount; // by space: how many in all its rings
    private uint* _words4, _words6; // by place in the flow tables
    private AddressTold* _told4, _told6; // as well; looked at only when there are such flows
    private uint _spaces, _portsPerSpace, _workers, _inUse, _classes, _portsPerClass;
    private ulong _seed, _inverse;

    /// <summary>Flows whose server is told the client's address with state.</summary>
    public uint ToldFlows;

    /// <summary>Bytes of zeroed, 64-byte aligned memory for so many source addresses and flow tables of these sizes.</summary>
    public static long MeasureBytes(int sources, int workers, in FlowTable4 flows4, in FlowTable6 flows6, uint rssClasses = 0) =>
        ((long)sources * Protocols * ((PortsPerSpace(workers) * (sizeof(SnatAddress) + sizeof(uint))) + sizeof(uint) + (Classes(rssClasses) * ((PortsPerClass(workers, rssClasses) * sizeof(ushort)) + (2 * sizeof(uint))))))
        + (((flows4.BucketCount * (long)FlowTable4.Ways) + (flows6.BucketCount * (long)FlowTable6.Ways)) * (sizeof(uint) + sizeof(AddressTold)));

    /// <summary>
    /// Makes them, all ports of this worker free. <paramref name="rssClasses"/> as <see cref="EngineState.RssClasses"/>; <paramref name="seed"/>:
    /// a secret, or 0 for ports in their order, for tests.
    /// </summary>
    public static LocalPorts Create(void* memory, int sources, int worker, int workers, in FlowTable4 flows4, in FlowTable6 flows6, uint rssClasses = 0, ulong seed = 0)
    {
        LocalPorts ports = new()
        {
            _spaces = (uint)sources * Protocols, _portsPerSpace = (uint)PortsPerSpace(workers), _workers = (uint)workers,
            _classes = (uint)Classes(rssClasses), _portsPerClass = (uint)PortsPerClass(workers, rssClasses), _seed = seed, _inverse = ((1UL << 32) + (uint)workers - 1) / (uint)workers,
        };
        ports._destinations = (SnatAddress*)memory;
        ports._told4 = (AddressTold*)(ports._destinations + ((ulong)ports._spaces * ports._portsPerSpace));
        ports._told6 = ports._told4 + (flows4.BucketCount * (ulong)FlowTable4.Ways);
        ports._words4 = (uint*)(ports._told6 + (flows6.BucketCount * (ulong)FlowTable6.Ways));
        ports._words6 = ports._words4 + (flows4.BucketCount * (ulong)FlowTable4.Ways);
        ports._flows = ports._words6 + (flows6.BucketCount * (ulong)FlowTable6.Ways);
        ports._first = ports._flows + ((ulong)ports._spaces * ports._portsPerSpace);
        ports._count = ports._first + (ports._spaces * ports._classes);
        ports._spaceCount = ports._count + (ports._spaces * ports._classes);
        ports._free = (ushort*)(ports._spaceCount + ports._spaces);
        for (uint space = 0; space < ports._spaces; space++)
        {
            for (int port = Limits.SourcePortMin; port <= ushort.MaxValue; port++)
            {
                if (port % workers == worker)
                {
                    ports.Give(space, (uint)port);
                }
            }
        }

        for (uint ring = 0; seed != 0 && ring < ports._spaces * ports._classes; ring++)
        {
            for (uint n = ports._count[ring]; n > 1; n--)
            {
                ports.Swap(ring, n - 1, ports.Random(n));
            }
        }

        return ports;
    }

    /// <summary>Slot of the source address in a word.</summary>
    public static uint Slot(uint word) => (word >> SlotShift) & SlotMask;

    /// <summary>Port in a word.</summary>
    public static ushort Port(uint word) => (ushort)word;

    /// <summary>The worker that a port belongs to.</summary>
    public readonly uint WorkerOf(uint port) => port - (Index(port) * _workers);

    /// <summary>A port's place among those of its worker: port / workers, without dividing (exact below 2^16).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly uint Index(uint port) => (uint)((port * _inverse) >> 32);

    /// <summary>The word of a flow that is as good as its source address is, or 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Find(EngineState* state, ulong* flow, int ipVersion)
    {
        uint word = *state->Ports.WordOf(state, flow, ipVersion);
        return word != 0 && IsGood(state, word) ? word : 0;
    }

    /// <summary>The word of a flow, or 0, for a thread that reads along.</summary>
    public static uint Peek(EngineState* state, ulong* flow, int ipVersion) => Volatile.Read(ref *state->Ports.WordOf(state, flow, ipVersion));

    /// <summary>
    /// Gives a flow a local port of a service's pool; where it is known how ports spread packets, one that brings answers of
    /// the other side (its address and port, see <see cref="RssSpread"/>) to this worker, as long as there are such. Returns the flow's word, or 0 if there is none free.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static uint Take(EngineState* state, ulong* flow, int ipVersion, ServiceEntry* service, byte protocol, uint otherWords, uint hash)
    {
        Leave(state, flow, ipVersion);
        ref LocalPorts ports = ref state->Ports;
        for (uint n = 0; n < service->PoolCount; n++)
        {
            uint slot = state->View.PoolMembers[service->PoolFirst + ((hash + n) % service->PoolCount)];
            uint space = Space(slot, protocol);
            if (space >= ports._spaces || ports._spaceCount[space] == 0)
            {
                continue;
            }

            uint port = ports.TakeFree(space, ports._classes == 1 ? 0 : ports.ClassFor(state, space, state->View.Sources + slot, otherWords, hash));
            ports._flows[(space * ports._portsPerSpace) + ports.Index(port)] = ports.PlaceOf(state, flow, ipVersion) + 1;
            uint word = port | (slot << SlotShift) | ((state->View.Sources[slot].Incarnation & IncarnationMask) << IncarnationShift);
            *ports.WordOf(state, flow, ipVersion) = word;
            state->Sources[slot].PortsInUse++;
            ports._inUse++;
            return word;
        }

        state->Sources[state->View.PoolMembers[service->PoolFirst]].Exhausted++;
        return 0;
    }

    /// <summary>A flow has left its place: its port is free. The protocol is that of the port's space which names the flow.</summary>
    public static void Leave(EngineState* state, ulong* flow, int ipVersion)
    {
        ref LocalPorts ports = ref state->Ports;
        if (ports._inUse == 0)
        {
            return; // other methods' flows do not pay for a look
        }

        uint* word = ports.WordOf(state, flow, ipVersion);
        if (*word == 0)
        {
            return;
        }

        uint place = ports.PlaceOf(state, flow, ipVersion) + 1, port = Port(*word), slot = Slot(*word);
        for (uint space = (slot - 1) * Protocols; space < slot * Protocols; space++)
        {
            uint* owner = ports._flows + (space * ports._portsPerSpace) + ports.Index(port);
            if (*owner == place)
            {
                *owner = 0;
                ports.Give(space, port);
                state->Sources[slot].PortsInUse--;
                ports._inUse--;
                break;
            }
        }

        *word = 0;
        if (ports.ToldFlows != 0)
        {
            AddressTold* told = ToldOf(state, flow, ipVersion);
            ports.ToldFlows -= told->State != ClientAddressState.None ? 1u : 0;
            *told = default;
        }
    }

    /// <summary>A connection begins whose server is told the client's address.</summary>
    public void Open(AddressTold* told, ClientAddressMode mode)
    {
        (told->State, told->Mode) = (ClientAddressState.Opening, mode);
        ToldFlows++;
    }

    /// <summary>Where the SNAT flow of IPv6 goes that has a word.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly SnatAddress* DestinationOf(uint word, byte protocol) => _destinations + (Space(Slot(word), protocol) * _portsPerSpace) + Index(Port(word));

    /// <summary>What a flow's server has been told.</summary>
    public static AddressTold* ToldOf(EngineState* state, ulong* flow, int ipVersion) =>
        (ipVersion == 4 ? state->Ports._told4 : state->Ports._told6) + (state->Ports.PlaceOf(state, flow, ipVersion) & ~Ipv6Flow);

    /// <summary>The value of the flow that has a local port, or null.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong* FindFlow(EngineState* state, uint slot, byte protocol, uint port)
    {
        ref LocalPorts ports = ref state->Ports;
        uint space = Space(slot, protocol);
        uint place = space < ports._spaces ? ports._flows[(space * ports._portsPerSpace) + ports.Index(port)] : 0;
        if (place == 0)
        {
            return null;
        }

        ulong* flow = ports.FlowAt(state, place - 1, out int ipVersion);
        return Find(state, flow, ipVersion) == 0 ? null : flow;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsGood(EngineState* state, uint word)
    {
        uint slot = Slot(word);
        return slot < (uint)state->View.SourceCount && state->View.Sources[slot].Valid != 0
            && (state->View.Sources[slot].Incarnation & IncarnationMask) == word >> IncarnationShift;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Space(uint slot, byte protocol) => ((slot - 1) * Protocols) + (protocol == Wire.Tcp ? 0u : 1u);

    /// <summary>A port goes to the end of its class' ring.</summary>
    private readonly void Give(uint space, uint port)
    {
        uint ring = (space * _classes) + ClassOf(port, _classes), at = _first[ring] + _count[ring]++;
        _free[(ring * _portsPerClass) + (at >= _portsPerClass ? at - _portsPerClass : at)] = (ushort)port;
        _spaceCount[space]++;
    }

    /// <summary>Two places of a ring, counted from its first free port.</summary>
    private readonly void Swap(uint ring, uint one, uint other)
    {
        ushort* free = _free + (ring * _portsPerClass);
        uint a = _first[ring] + one, b = _first[ring] + other;
        a -= a >= _portsPerClass ? _portsPerClass : 0;
        b -= b >= _portsPerClass ? _portsPerClass : 0;
        (free[a], free[b]) = (free[b], free[a]);
    }

    /// <summary>Splitmix64 (Steele et al. 2014), reduced.</summary>
    private uint Random(uint below)
    {
        _seed += 0x9E37_79B9_7F4A_7C15;
        return (uint)(((Hashes.Mix64(_seed) >> 32) * below) >> 32);
    }

    private uint TakeFree(uint space, uint portClass)
    {
        uint ring = (space * _classes) + portClass, first = _first[ring];
        if (_seed != 0)
        {
            Swap(ring, 0, Random(Math.Min(_count[ring], ShuffledPorts)));
        }

        _first[ring] = first + 1 == _portsPerClass ? 0 : first + 1;
        _count[ring]--;
        _spaceCount[space]--;
        return _free[(ring * _portsPerClass) + first];
    }

    /// <summary>
    /// A class that has a free port: one whose answers from there come to this worker's queue, else any, whose answers
    /// will be handed over. The space has a free port.
    /// </summary>
    private readonly uint ClassFor(EngineState* state, uint space, SourceEntry* source, uint otherWords, uint hash)
    {
        uint without = RssSpread.HashOfNetwork(otherWords ^ RssSpread.Words(source->High, source->Low));
        uint* count = _count + (space * _classes);
        uint turns = _classes / _workers; // the same number of classes for each worker; with some numbers of workers, some have one more
        for (uint n = 0, turn = hash % turns; n < turns; n++, turn = turn + 1 == turns ? 0 : turn + 1)
        {
            uint portClass = (((turn * _workers) + state->WorkerIndex) ^ without) & (_classes - 1);
            if (count[portClass] != 0)
            {
                return portClass;
            }
        }

        uint any = 0;
        while (count[any] == 0)
        {
            any++;
        }

        return any;
    }

    /// <summary>What a destination port adds to the hash, as far as it decides about the queue.</summary>
    private static uint ClassOf(uint port, uint classes) => classes == 1 ? 0 : RssSpread.Hash(port) & (classes - 1);

    private static long Classes(uint rssClasses) => Math.Max(rssClasses, 1);

    /// <summary>Ports that the largest class of any worker has.</summary>
    private static long PortsPerClass(int workers, uint rssClasses)
    {
        uint classes = (uint)Classes(rssClasses);
        int[] ports = new int[workers * classes];
        for (int port = Limits.SourcePortMin; port <= ushort.MaxValue; port++)
        {
            ports[((port % workers) * classes) + ClassOf((uint)port, classes)]++;
        }

        return ports.Max();
    }

    private static long PortsPerSpace(int workers) => ((ushort.MaxValue + 1) / workers) + 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly uint* WordOf(EngineState* state, ulong* flow, int ipVersion) =>
        (ipVersion == 4 ? _words4 : _words6) + (PlaceOf(state, flow, ipVersion) & ~Ipv6Flow);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly uint PlaceOf(EngineState* state, ulong* flow, int ipVersion)
    {
        if (ipVersion == 4)
        {
            ulong word = (ulong)(flow - state->Flows4.Buckets);
            return (uint)((word / (FlowTable4.BucketBytes / sizeof(ulong)) * FlowTable4.Ways) + (word % FlowTable4.Ways));
        }

        return (uint)(FlowTable6.EntryOf(flow) - state->Flows6.Buckets) | Ipv6Flow;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly ulong* FlowAt(EngineState* state, uint place, out int ipVersion)
    {
        ipVersion = (place & Ipv6Flow) == 0 ? 4 : 6;
        return ipVersion == 4
            ? state->Flows4.Buckets + ((ulong)place / FlowTable4.Ways * (FlowTable4.BucketBytes / sizeof(ulong))) + FlowTable4.Ways + (place % FlowTable4.Ways)
            : &(state->Flows6.Buckets + (place & ~Ipv6Flow))->Value;
    }
}
