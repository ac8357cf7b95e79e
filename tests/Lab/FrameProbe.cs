namespace Forwarder.Lab;

/// <summary>Sends a frame on port e0 of a namespace again and again.</summary>
public abstract class FrameProbe : IDisposable
{
    private readonly Thread _thread;
    private volatile bool _stop;

    /// <summary>Starts it; the frames may differ, by how many were sent before.</summary>
    protected FrameProbe(Netns netns, Func<int, byte[]> frame, int everyMs)
    {
        RawPort port = new(netns, "e0");
        _thread = new Thread(() =>
        {
            using (port)
            {
                for (int sent = 0; !_stop; sent++)
                {
                    port.Send(frame(sent));
                    Thread.Sleep(everyMs);
                }
            }
        }) { IsBackground = true };
        _thread.Start();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stop = true;
        _thread.Join();
        GC.SuppressFinalize(this);
    }
}
