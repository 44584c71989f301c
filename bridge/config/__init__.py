"""The settings: what there is to set (`models`) and how it is read (`loader`)."""
