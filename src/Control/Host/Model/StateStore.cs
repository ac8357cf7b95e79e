using System.Text.Json;
using Forwarder.Api;

namespace Forwarder.Control;

/// <summary>The desired state on disk: replaced whole, so that a crash leaves the old one or the new one.</summary>
public sealed class StateStore(string folder, StateText text)
{
    private const int BufferBytes = 64 << 10;

    /// <summary>VRRP passwords are in it.</summary>
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly string _path = Path.Combine(folder, "state.json");

    private string TemporaryPath => _path + ".tmp";

    /// <summary>The file that <see cref="Load"/> reads.</summary>
    public string? PathOf(string? seedPath) => File.Exists(_path) ? _path : seedPath;

    /// <summary>The stored state; else the one in the seed file; else null.</summary>
    /// <exception cref="InvalidDataException">A file is there and is not a desired state, or the seed file is wanted and not there.</exception>
    public DesiredState? Load(string? seedPath)
    {
        string? path = PathOf(seedPath);
        if (path == null)
        {
            return null;
        }

        if (!File.Exists(path))
        {
            throw new InvalidDataException($"--config {path}: there is no such file.");
        }

        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), ApiJson.Default.DesiredState);
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path} is not a configuration: {JsonFault.Located(e, ApiJson.Default.DesiredState)}", e);
        }
    }

    /// <summary>Writes a state beside the stored one, down to the disk; <see cref="Commit"/> puts it in its place.</summary>
    /// <exception cref="IOException">It cannot be written; what is stored stays.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written; what is stored stays.</exception>
    public void Prepare(DesiredState state)
    {
        Directory.CreateDirectory(folder);
        using FileStream stream = new(TemporaryPath, new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, Share = FileShare.None, BufferSize = BufferBytes, UnixCreateMode = OwnerOnly });
        text.Write(stream, state);
        stream.Flush(flushToDisk: true);
    }

    /// <summary>Replaces the stored state by the prepared one. It then survives a power cut; if that is not sure, what is returned says why.</summary>
    /// <exception cref="IOException">It cannot be replaced; what is stored stays.</exception>
    public string? Commit()
    {
        File.Move(TemporaryPath, _path, overwrite: true);
        try
        {
            FolderSync.Flush(folder);
            return null;
        }
        catch (IOException e)
        {
            return $"Stored, but a power cut may undo it: {e.Message}";
        }
    }

    /// <summary>Forgets what was prepared, if anything.</summary>
    public void Discard()
    {
        if (File.Exists(TemporaryPath))
        {
            File.Delete(TemporaryPath);
        }
    }
}
