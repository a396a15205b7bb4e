"""Training: schedules, the fit loop, augmentation and data sampling."""
