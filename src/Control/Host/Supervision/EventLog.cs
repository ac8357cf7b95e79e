using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Forwarder.Api;

namespace Forwarder.Control;

/// <summary>What happens, for the log and for those who listen to GET /v1/events.</summary>
public sealed class EventLog(ILogger<EventLog> log)
{
    private const int BacklogMax = 256, ListenerQueueMax = 1_024;

    private readonly Lock _lock = new();
    private readonly Queue<DirectorEvent> _backlog = new();
    private readonly List<Channel<DirectorEvent>> _listeners = [];
    private long _sequence;

    /// <summary>Adds an event.</summary>
    public void Add(string kind, string message, ulong generation)
    {
        Log.Event(log, kind, message);
        lock (_lock)
        {
            DirectorEvent entry = new() { Sequence = ++_sequence, Time = DateTimeOffset.UtcNow, Kind = kind, Message = message, Generation = generation };
            _backlog.Enqueue(entry);
            if (_backlog.Count > BacklogMax)
            {
                _backlog.Dequeue();
            }

            _listeners.ForEach(l => l.Writer.TryWrite(entry));
        }
    }

    /// <summary>Events after a sequence number, then those that come. A listener that does not keep up loses the oldest.</summary>
    public async IAsyncEnumerable<DirectorEvent> ListenAsync(long after, [EnumeratorCancellation] CancellationToken cancellation)
    {
        Channel<DirectorEvent> channel = Channel.CreateBounded<DirectorEvent>(new BoundedChannelOptions(ListenerQueueMax) { FullMode = BoundedChannelFullMode.DropOldest });
        lock (_lock)
        {
            foreach (DirectorEvent entry in _backlog.Where(e => e.Sequence > after))
            {
                channel.Writer.TryWrite(entry);
            }

            _listeners.Add(channel);
        }

        try
        {
            await foreach (DirectorEvent entry in channel.Reader.ReadAllAsync(cancellation).ConfigureAwait(false))
            {
                yield return entry;
            }
        }
        finally
        {
            lock (_lock)
            {
                _listeners.Remove(channel);
            }
        }
    }
}
