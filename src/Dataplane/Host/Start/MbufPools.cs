using System.Text;
using Forwarder.Abi;

namespace Forwarder.Dataplane;

/// <summary>One mbuf pool per NUMA node that has a port, so that a port's DMA stays on its node.</summary>
public sealed unsafe class MbufPools(Native native, DataplaneConfig config)
{
    private const int DataBytesMin = 2048, FrameOverheadBytes = 64, NodesMax = 32;

    private readonly void*[] _pools = new void*[NodesMax];
    private readonly int _anyNode = Math.Max(0, native.LcoreNumaNode(EalArguments.LcoreOf(0)));

    /// <summary>Pools made so far.</summary>
    public int Count { get; private set; }

    /// <summary>Free mbufs of all pools.</summary>
    public ulong Available
    {
        get
        {
            ulong sum = 0;
            foreach (void* pool in _pools)
            {
                sum += pool != null ? native.PoolAvailable(pool) : 0;
            }

            return sum;
        }
    }

    /// <summary>The pool of a node, made at first use. A port without a node (virtual) shares the first worker's.</summary>
    /// <exception cref="StartException">There is not enough memory.</exception>
    public void* Of(int node)
    {
        node = node < 0 ? _anyNode : node;
        if (node >= NodesMax)
        {
            throw new StartException($"NUMA node {node} is beyond the {NodesMax} that are provided for.");
        }

        if (_pools[node] == null)
        {
            _pools[node] = Make(node);
            Count++;
        }

        return _pools[node];
    }

    private void* Make(int node)
    {
        int dataBytes = Math.Max(DataBytesMin, config.Ports.Max(p => p.MtuBytes) + FrameOverheadBytes);
        void* pool = null;
        int error;
        fixed (byte* name = Encoding.UTF8.GetBytes($"forwarder-{node}\0"))
        {
            error = native.PoolCreate(name, (uint)config.Mbufs, (ushort)dataBytes, node, &pool);
        }

        return error == 0 ? pool : throw new StartException($"mbufs: a pool of {config.Mbufs} mbufs of {dataBytes} bytes does not fit into memoryMiB {config.MemoryMiB}: {native.ErrorText(error)}.");
    }
}
