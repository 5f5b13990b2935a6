namespace StragglerGuard.Ilgpu.Timing;

/// <summary>A driver's events on one stream.</summary>
internal interface INativeEvents
{
    nint Create();

    /// <summary>Puts it behind what the stream has to do; an earlier place of it is forgotten.</summary>
    void Record(nint nativeEvent);

    /// <summary>Asks, and does not wait.</summary>
    bool HasPassed(nint nativeEvent);

    /// <summary>The time between two that have passed.</summary>
    bool TryGetElapsedNs(nint from, nint to, out long elapsedNs);

    void Destroy(nint nativeEvent);
}
