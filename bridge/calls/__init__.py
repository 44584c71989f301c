"""Which calls are live on an extension, and how they are labelled."""
