using System.Text.Json;
using Forwarder.Api;
using Microsoft.Win32.SafeHandles;

namespace Forwarder.Control;

/// <summary>The desired state on disk: replaced whole, so that a crash leaves the old one or the new one.</summary>
public sealed class StateStore(string folder)
{
    private readonly string _path = Path.Combine(folder, "state.json");

    /// <summary>The stored state; else the one in the seed file; else null.</summary>
    /// <exception cref="InvalidDataException">A file is there and is not a desired state.</exception>
    public DesiredState? Load(string? seedPath)
    {
        string? path = File.Exists(_path) ? _path : seedPath != null && File.Exists(seedPath) ? seedPath : null;
        if (path == null)
        {
            return null;
        }

        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), ApiJson.Default.DesiredState);
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path} is not a configuration: {e.Message}", e);
        }
    }

    /// <summary>Stores a state; when it returns, the state survives a power cut.</summary>
    public void Save(DesiredState state)
    {
        Directory.CreateDirectory(folder);
        string temporary = _path + ".tmp";
        using (FileStream stream = new(temporary, FileMode.Create, FileAccess.Write, FileShare.None))
        {
            JsonSerializer.Serialize(stream, state, ApiJson.Default.DesiredState);
            stream.Flush(flushToDisk: true);
        }

        File.Move(temporary, _path, overwrite: true);
        using SafeFileHandle handle = File.OpenHandle(_path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        RandomAccess.FlushToDisk(handle);
    }
}
